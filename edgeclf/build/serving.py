"""``fallback="onnxruntime"``: answers from the first frame on, by the engine once it is built."""

from __future__ import annotations

from typing import Any, Callable

from edgeclf.backends.base import Backend
from edgeclf.backends.building import BuildingBackend
from edgeclf.build.first_use import engine_for
from edgeclf.model_file import ModelFile

__all__ = ["serve_while_building"]


def serve_while_building(
    model: ModelFile, fallback: Backend, load: Callable[[ModelFile], Backend], **arguments: Any
) -> BuildingBackend:
    """A backend for `model` that can be used at once.

    Args:
        model: the ONNX model.
        fallback: the same model, loaded in another runtime.
        load: makes a backend of the engine; called in the thread that builds.
        arguments: those of `engine_for`, but for ``progress``.

    Raises nothing of the build: what goes wrong stands in the backend's `placement` and in the log.
    """

    def build(go_on: Callable[[], bool]) -> Backend:
        engine = engine_for(model, progress=lambda step, done, total: go_on(), **arguments)
        return load(engine)

    return BuildingBackend("tensorrt", model.name, fallback, build)
