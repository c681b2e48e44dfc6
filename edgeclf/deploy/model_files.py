"""A model's file and everything beside it that says what it means or holds its weights."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Set, Tuple

from edgeclf.deploy.board_facts import BoardFacts
from edgeclf.errors import DeployError
from edgeclf.manifest import check_external_data, graph_facts
from edgeclf.model_file import ModelFile

__all__ = ["backend_for", "copied_model", "default_model_for", "deployable", "score_bound"]

# What lies in a model's folder and is read for it (edgeclf/manifest/homes.py).
_BESIDE = ("labels.txt", "config.json", "preprocessor_config.json", "metadata.yaml")
_BACKENDS = {"onnx": ("onnxruntime", "onnx"), "tflite": ("tflite", "tflite")}
# How far a score may be from the sending machine's. Runtimes add up 8-bit products in orders of
# their own, and some in 16 bits; in float32 it is rounding alone.
_BOUNDS = {"int8": 0.05, "fp16": 0.02}
_FLOAT_BOUND = 0.005


def default_model_for(board: BoardFacts) -> Path:
    """The built-in model as the board's runtime reads it: ONNX on x86, TFLite on ARM."""
    from edgeclf.models import DEFAULT_ONNX, DEFAULT_TFLITE

    path = DEFAULT_ONNX if board.arch == "x86_64" else DEFAULT_TFLITE
    if not path.exists():
        raise DeployError(
            "model: the built-in model is not installed here. Give one with --model, or install "
            "edgeclf-default-model"
        )
    return path


def deployable(path: Path) -> ModelFile:
    """The model, where some board could run it; asked before a board is.

    Raises:
        ModelError: it is no model. DeployError: an engine, which belongs to one GPU.
    """
    model = ModelFile(path)
    if model.format == "engine":
        raise DeployError(
            f"model: {model.name} is a TensorRT engine, made for one GPU and one TensorRT: deploy "
            "the .onnx file that it came from, and build the engine on the board"
        )
    return model


def backend_for(model: ModelFile, board: BoardFacts) -> Tuple[str, str]:
    """The backend that reads it there, and the extra that brings its runtime.

    Raises:
        DeployError: there is none for this format on that board.
    """
    if model.format == "onnx" and board.arch == "armv7l":
        raise DeployError(
            f"model: there is no ONNX Runtime for 32-bit ARM, and {model.name} is ONNX. Convert it "
            "to .tflite, or put a 64-bit system on the board"
        )
    return _BACKENDS[model.format]


def score_bound(model: ModelFile) -> float:
    """How far a score on another machine may be from this one's."""
    return _BOUNDS.get(str(graph_facts(model).precision), _FLOAT_BOUND)


def copied_model(model: ModelFile, folder: Path) -> str:
    """Copy the model and what belongs to it; its file name.

    Raises:
        DeployError: a file cannot be copied. ModelError: the model is damaged, or its weights lie
            where they must not.
    """
    assert model.path is not None
    check_external_data(model)
    folder.mkdir(parents=True)
    source = model.path.parent
    names = {model.path.name} | _beside(model.path) | _external_files(model)
    for name in sorted(names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(str(source / name), str(target))
        except OSError as exc:
            raise DeployError(f"model: {source / name}: {exc.strerror or exc}") from exc
    return model.path.name


def _beside(model: Path) -> Set[str]:
    names = {model.with_suffix(".json").name, *_BESIDE}
    with suppress(OSError, ValueError, KeyError, TypeError):
        named = json.loads(model.with_suffix(".json").read_text("utf-8"))["output"]["labels"]
        if isinstance(named, str) and Path(named).name == named:
            names.add(named)
    return {name for name in names if (model.parent / name).is_file()}


def _external_files(model: ModelFile) -> Set[str]:
    if model.format != "onnx":
        return set()
    from edgeclf.manifest.external_data import locations

    return set(locations(model))
