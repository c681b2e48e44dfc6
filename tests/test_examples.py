"""Every example runs, and prints what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(name, *arguments, stdin=b""):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        capture_output=True,
        input=stdin,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_every_example_is_tested_and_short():
    names = {path.name for path in EXAMPLES.glob("*.py")}
    tested = Path(__file__).read_text()
    assert names == {name for name in names if f'run("{name}"' in tested}
    assert all(len((EXAMPLES / name).read_text().splitlines()) <= 40 for name in names)


def test_classify_photo():
    lines = run("classify_photo.py").splitlines()
    assert len(lines) == 5
    assert "cat" in lines[0] or "tabby" in lines[0]


def test_own_runtime():
    assert "(1, 3, 224, 224) float32" in run("own_runtime.py")


def test_many_threads(photos):
    lines = run("many_threads.py").splitlines()
    assert len(lines) == len(list(photos.glob("*.jpg")))
    assert any("sunflower" in line or "daisy" in line for line in lines)


def test_camera_reads_a_video(tmp_path, photos):
    cv2 = pytest.importorskip("cv2")
    video = str(tmp_path / "cat.avi")
    frame = cv2.resize(cv2.imread(str(photos / "cat.jpg")), (640, 360))
    writer = cv2.VideoWriter(video, cv2.VideoWriter_fourcc(*"MJPG"), 10, (640, 360))
    for _ in range(3):
        writer.write(frame)
    writer.release()
    lines = run("camera.py", video, 2).splitlines()
    assert len(lines) == 2
    assert all(line.endswith("ms") for line in lines)


def test_describe_model(tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.eye(3, dtype=np.float32), "weights")
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "colour",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(tmp_path / "colour.onnx"))
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    run("describe_model.py", tmp_path / "colour.onnx", tmp_path / "names.txt")

    import edgeclf

    red = np.zeros((300, 400, 3), np.uint8)
    red[:, :, 2] = 255
    with edgeclf.Classifier(tmp_path / "colour.onnx") as classifier:
        assert classifier.predict(red).label == "red"


def test_raw_yuv():
    photo = Image.open(EXAMPLES / "photos" / "cat.jpg").convert("YCbCr")
    y, cb, cr = photo.split()
    half = ((photo.width + 1) // 2, (photo.height + 1) // 2)
    planes = [y, cb.resize(half, Image.BOX), cr.resize(half, Image.BOX)]
    frame = b"".join(plane.tobytes() for plane in planes)
    lines = run("raw_yuv.py", *photo.size, "i420", "full", stdin=2 * frame + b"cut").splitlines()
    assert len(lines) == 2
    assert "cat" in lines[0] or "tabby" in lines[0]


def test_raw_yuv_without_a_size_says_how():
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "raw_yuv.py")],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        check=False,
    )
    assert done.returncode == 1
    assert b"python examples/raw_yuv.py 640 480" in done.stderr
