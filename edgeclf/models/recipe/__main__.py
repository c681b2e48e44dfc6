"""Makes both files of the built-in model; see the package's docstring."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import onnx

from edgeclf import manifest
from edgeclf.spec import InputSpec, OutputSpec

from . import calibration, to_onnx, to_tflite, weights

HERE = Path(__file__).resolve().parent.parent
NAME = "efficientnet_lite0_int8"


def main() -> None:
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    float_model = to_onnx.float_model(weights.read())
    quantized = to_onnx.int8_model(float_model, calibration.squares())
    onnx_path, tflite_path = (arguments.out / f"{NAME}.{suffix}" for suffix in ("onnx", "tflite"))
    onnx.save(quantized, onnx_path)
    tflite_path.write_bytes(to_tflite.int8_model(quantized))
    for path in (onnx_path, tflite_path):
        embed(path)
        data = path.read_bytes()
        print(f"{hashlib.sha256(data).hexdigest()}  {len(data)} bytes  {path}")
    if arguments.measure:
        from .measure import report  # so that both runtimes are needed only to measure

        found = report(float_model.SerializeToString(), onnx_path, tflite_path, arguments.measure)
        text = json.dumps(found, indent=2)
        (arguments.out / "measured.json").write_text(text + "\n")
        print(text)


def embed(path: Path) -> None:
    """Write the specs and the labels into the model at `path`, where the runtime will find them."""
    of_format = {
        ".onnx": {"layout": "nchw", "dtype": "uint8"},
        ".tflite": {"layout": "nhwc", "dtype": "int8"},
    }
    labels = (HERE / "imagenet_labels.txt").read_text(encoding="utf-8").splitlines()
    manifest.embed(
        path,
        InputSpec(
            width=224,
            height=224,
            resize_mode="center-crop",
            resize_size=256,
            interpolation="bicubic",
            **of_format[path.suffix],
        ),
        OutputSpec(labels=tuple(labels), activation="softmax"),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m edgeclf.models.recipe")
    parser.add_argument("--out", type=Path, required=True, help="folder for the two models")
    parser.add_argument(
        "--measure",
        type=Path,
        metavar="FOLDER",
        help="photographs named <class index, three digits>_...; writes measured.json into --out",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
