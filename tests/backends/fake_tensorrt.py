"""TensorRT's Python module as each generation has it, over a FakeCuda instead of a GPU.

One behaviour, written once below, and for each generation the members that its real module has:
the lists in ``tensorrt_apis/``, taken from real modules where they can be installed. What a
generation lacks raises AttributeError; what it has and the fake does not know is an error of its
own kind, so that nothing passes unseen. Misuse answers as the vendor's does (False or None, and a
line in the log), or is a `Crash` where the vendor's takes the process down.
"""

from __future__ import annotations

import enum
import importlib.machinery
import json
import types
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from fake_tensorrt_context import Crash, FakeContext
from fake_tensorrt_engines import plan_of
from fake_tensorrt_objects import (
    FakeEngine,
    FakeInspector,
    FakeLogger,
    FakeProfiler,
    FakeRuntime,
)

from edgeclf.cuda.fake import FakeCuda
from edgeclf.errors import BackendError

LISTS = Path(__file__).with_name("tensorrt_apis")


class Generation(NamedTuple):
    """A module, where its list of members is, and what it does otherwise than others."""

    name: str
    module: str
    list: str
    shares_profiles: bool = True
    full: bool = True  # not the lean runtime, which has no inspector and no TensorFormat

    @property
    def magic(self) -> bytes:
        return b"vtrt" if self.module == "tensorrt_rtx" else b"ftrt"


GENERATIONS = (
    Generation("8.2", "tensorrt", "tensorrt-8.2", shares_profiles=False),
    Generation("8.5", "tensorrt", "tensorrt-8.5", shares_profiles=False),
    Generation("8.6", "tensorrt", "tensorrt-8.6", shares_profiles=False),
    Generation("10.3", "tensorrt", "tensorrt-10.3"),
    Generation("10.16", "tensorrt", "lean-10.16"),
    Generation("11.4", "tensorrt", "lean-11.4"),
    Generation("lean 10.16", "tensorrt_lean", "lean-10.16", full=False),
    Generation("RTX 1.7", "tensorrt_rtx", "rtx-1.7"),
)
BY_NAME = {generation.name: generation for generation in GENERATIONS}


def recorded(generation: Generation) -> Dict[str, Any]:
    """The members of this generation's classes, and its version."""
    record: Dict[str, Any] = json.loads((LISTS / f"{generation.list}.json").read_text())
    if generation.full:
        # Where the list is the lean runtime's, the full module of the same release has more.
        full = json.loads((LISTS / "rtx-1.7.json").read_text())
        for part, name in (("classes", "EngineInspector"), ("enums", "TensorFormat")):
            record[part].setdefault(name, full[part][name])
    return record


class State:
    """What a test looks at and turns: shared by all objects of one fake module."""

    def __init__(self, generation: Generation, cuda: FakeCuda):
        self.generation = generation
        self.cuda = cuda
        self.module: Any = None
        self.version = recorded(generation)["version"]
        self.logger: Any = None  # the first one given; later ones are not heard
        self.refuse_engine: Optional[str] = None  # with this message
        self.invalid = 0  # RTX's diagnostics
        self.refuse_run = False
        self.max_contexts: Optional[int] = None
        self.contexts = 0
        self.has_device = True
        self.raises: Optional[BaseException] = None  # by a run
        self.ended: List[str] = []  # what was destroyed, in order
        self.runs = 0

    def plan(self, content: Dict[str, Any]) -> bytes:
        """A file as this generation's builder writes it."""
        return plan_of(content, self.version, self.generation.magic)

    def error(self, message: str, severity: str = "ERROR") -> None:
        logger = self.logger
        logger.log(self.module.ILogger.Severity[severity], message)

    def touch(self) -> None:
        if not self.has_device:
            raise Crash("a Runtime without a device was touched")
        if not self.cuda.is_current:
            raise BackendError("fake TensorRT: the device's context is not current on this thread")


_BEHAVIOUR = {
    "Runtime": FakeRuntime,
    "ICudaEngine": FakeEngine,
    "IExecutionContext": FakeContext,
    "ILogger": FakeLogger,
    "IProfiler": FakeProfiler,
    "EngineInspector": FakeInspector,
}


def _unknown(owner: str, member: str) -> property:
    def fail(self: Any) -> Any:
        raise NotImplementedError(f"the fake has no {owner}.{member}: write it before it is used")

    return property(fail)


def _reduced(name: str, behaviour: Any, members: Sequence[str], state: State) -> Any:
    """`behaviour` with these public members alone."""
    kept = {k: v for k, v in vars(behaviour).items() if k.startswith("_")}
    kept = {k: v for k, v in kept.items() if k not in ("__dict__", "__weakref__")}
    for member in members:
        kept[member] = vars(behaviour).get(member, _unknown(name, member))
    return type(name, (), {**kept, "_state": state})


def fake_module(generation: Generation, cuda: FakeCuda) -> Tuple[Any, State]:
    """The module, and what a test turns to let it fail."""
    record = recorded(generation)
    state = State(generation, cuda)
    module = types.ModuleType(generation.module)
    module.__spec__ = importlib.machinery.ModuleSpec(generation.module, None)
    module.__version__ = record["version"]  # type: ignore[attr-defined]
    for name, members in record["classes"].items():
        if name in _BEHAVIOUR:
            setattr(module, name, _reduced(name, _BEHAVIOUR[name], members, state))
    for name, values in record["enums"].items():
        setattr(module, name, enum.IntEnum(name, values))
    state.module = module
    return module, state
