"""A build where something is missing: the file, the ONNX tools, or TensorRT."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from build_models import TINY_SPEC, tiny_classifier

from edgeclf.build import build_engine
from edgeclf.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]
ALL_MISSING = ("onnx", "onnxruntime", "tensorrt", "tensorrt_rtx_bindings", "google.protobuf")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (ALL_MISSING, ("pip install edgeclf[onnx]",)),
        (ALL_MISSING[2:4], ("none is installed", "JetPack")),
    ],
)
def test_nothing_is_imported_by_looking(missing, said, tmp_path):
    # `import edgeclf.build` on a machine with NumPy, Pillow and click alone; then with ONNX.
    tiny_classifier(tmp_path / "x.onnx")
    code = f"""
        import sys
        for name in {missing}:
            sys.modules[name] = None
        import edgeclf.build
        from edgeclf.errors import BackendUnavailable
        try:
            edgeclf.build.build_engine("x.onnx", "x.engine", spec={TINY_SPEC})
        except BackendUnavailable as exc:
            print(exc)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=str(tmp_path),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    for words in said:
        assert words in done.stdout


def test_a_wrong_file_is_said_before_what_is_missing(tmp_path):
    with pytest.raises(ModelError, match=r"absent.onnx: cannot be read"):
        build_engine(tmp_path / "absent.onnx", tmp_path / "x.engine", runtime="tensorrt")
    assert not list(tmp_path.iterdir())
