"""What the tests of the TensorRT adapter share: a loaded fake, and putting it away."""

from __future__ import annotations

import contextlib
import gc
import traceback
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
from backend_cases import install_tensorrt, remove_tensorrt
from fake_tensorrt import GENERATIONS, State
from fake_tensorrt_engines import answers, engine

from edgeclf.backends import load_backend
from edgeclf.backends.tensorrt import TensorRTBackend
from edgeclf.cuda.fake import FakeCuda
from edgeclf.model_file import ModelFile

NAMES = [generation.name for generation in GENERATIONS]
LEGACY = [g.name for g in GENERATIONS if not g.shares_profiles]
SHARING = [g.name for g in GENERATIONS if g.shares_profiles]


@contextlib.contextmanager
def fake(generation: str, cuda: Any = None) -> Iterator[State]:
    """A fake of `generation` in place; at the end nothing may be held on its device."""
    state = install_tensorrt(generation, cuda or FakeCuda())
    try:
        yield state
    finally:
        remove_tensorrt()
    if any(held_on_device(state.cuda)):
        gc.collect()
    assert not any(held_on_device(state.cuda)), state.cuda.live()


def forget(exc: Optional[BaseException]) -> None:
    """Clear the frames of an exception and its causes.

    They hold the fake's objects, which are written in Python; the vendor's C++ has no such frames.
    """
    while exc is not None:
        traceback.clear_frames(exc.__traceback__)
        exc = exc.__cause__


def held_on_device(cuda: FakeCuda) -> Tuple[int, int]:
    """Blocks and streams. Pinned memory is left out: a test may still hold arrays over it."""
    live = cuda.live()
    return live["device"], live["stream"]


def load(state: State, content: Dict[str, Any], **more: Any) -> TensorRTBackend:
    """The engine `content`, built by this generation, loaded on the fake's device."""
    options = {"cuda": state.cuda, **more.pop("backend_options", {})}
    loaded = load_backend(ModelFile(state.plan(content)), backend_options=options, **more)
    assert isinstance(loaded, TensorRTBackend)
    return loaded


@contextlib.contextmanager
def loaded(
    generation: str, cuda: Any = None, backend_options: Any = None, **content: Any
) -> Iterator[Tuple[TensorRTBackend, State, Dict[str, Any]]]:
    """`load` and close around a test: the backend, its fake, and the engine."""
    made = engine(**content)
    with fake(generation, cuda) as state:
        backend = load(state, made, backend_options=backend_options or {})
        try:
            yield backend, state, made
        finally:
            backend.close()
            del backend


def pixels(shape: Any, dtype: str = "float32", seed: int = 1) -> np.ndarray:
    """Random values of a tensor."""
    return np.random.RandomState(seed).uniform(-3, 3, shape).astype(dtype)


def assert_answer(made: Dict[str, Any], tensor: np.ndarray, outputs: Tuple[Any, ...]) -> None:
    expected: List[np.ndarray] = answers(made, tensor)
    assert [o.tobytes() for o in outputs] == [e.tobytes() for e in expected]
