"""TensorRT: .engine files on NVIDIA GPUs, Jetson and PC, from 8.2 to 11 and TensorRT for RTX.

Each request has a stream and memory of its own, and an execution context of its own wherever the
engine's generation allows it: before TensorRT 10, an engine with a dynamic batch allows one
context for each optimisation profile, and its requests take turns (`max_requests`).

The device is "cuda:N" or None for "cuda:0". `num_threads` is accepted and without effect: nothing
runs on the CPU. Engines state no quantisation: 8-bit tensors are taken as they are.

``backend_options``, every one optional:

- ``module``: "tensorrt", "tensorrt_lean" or "tensorrt_rtx"; None takes the first that reads the
  file.
- ``profile``: the number of the optimisation profile to use; None takes the one that fits best.
- ``engine_host_code_allowed``: True lets a version-compatible engine run code that it carries, on
  the CPU, as this process. Only for files from a source you trust as much as a program.
- ``timing``: True collects each layer's time: see `TensorRTBackend.layer_times`.
- ``cuda``: a `Cuda` object instead of `open_cuda`'s; ``api_module``: TensorRT's module, already
  imported. For tests, and for those who load either in a way of their own.

Longer than 200 lines, because loading an engine is one story.
"""

from __future__ import annotations

import functools
import threading
import weakref
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from edgeclf import engine as engine_files
from edgeclf.backends import tensorrt_api as api
from edgeclf.backends.arguments import check_options, check_threads, cuda_index
from edgeclf.backends.base import Lifetime, single_input
from edgeclf.backends.install import install_hint
from edgeclf.backends.tensorrt_layers import LayerTime, LayerTimes, layers_of, profiler_of
from edgeclf.backends.tensorrt_log import VendorLog, log_of
from edgeclf.backends.tensorrt_modules import ModuleFacts, facts_of, find_modules, import_module
from edgeclf.backends.tensorrt_nvtx import find_ranges
from edgeclf.backends.tensorrt_profiles import Profile, choose, simultaneous
from edgeclf.backends.tensorrt_request import ContextSlot, Loaded, TensorRTRequest
from edgeclf.backends.tensors import request_shape, require_dtype
from edgeclf.cuda import Cuda, open_cuda
from edgeclf.errors import ArgumentError, BackendError, BackendUnavailable, ModelError, SpecMismatch
from edgeclf.model_file import ModelFile
from edgeclf.types import Placement, TensorInfo

__all__ = ["TensorRTBackend"]

_OPTIONS = (
    "module",
    "profile",
    "engine_host_code_allowed",
    "timing",
    "cuda",
    "api_module",
)
_NAMES = ("tensorrt", "tensorrt_lean", "tensorrt_rtx")
# Which modules read an engine of a kind, the best first.
_READERS = {
    "tensorrt": ("tensorrt", "tensorrt-lean"),
    "tensorrt-rtx": ("tensorrt-rtx",),
}


class _Options(NamedTuple):
    module: Optional[str]
    profile: Optional[int]
    host_code: bool
    timing: bool
    cuda: Optional[Cuda]
    api_module: Any


class TensorRTBackend:
    """One engine in one of TensorRT's runtimes. See `edgeclf.backends.base.Backend`.

    Attributes:
        cuda: the device, as `edgeclf.cuda.open_cuda` gives it.
        max_batch: the largest batch that a profile holds.

    Raises:
        ModelError: the file is damaged, or was built for another TensorRT or GPU. SpecMismatch:
            its tensors are not those of a classifier. BackendUnavailable: no module of TensorRT
            reads it, or there is no NVIDIA GPU. BackendError: out of memory.
        ArgumentError: an argument or option is out of its range.
    """

    name = "tensorrt"
    formats = ("engine",)

    def __init__(
        self,
        model: ModelFile,
        *,
        device: Optional[str] = None,
        num_threads: Optional[int] = None,
        backend_options: Optional[Mapping[str, Any]] = None,
        strict: bool = True,
    ):
        check_threads(num_threads)
        options = _checked(check_options(backend_options, _OPTIONS, self.name))
        index = _device_index(device, model.name, options.cuda)
        document, plan = engine_files.split(model.content, name=model.name)
        header = engine_files.read_header(plan, name=model.name)
        modules = _readers(header.kind, options, model.name)
        # Before the vendor's Runtime: without a device, that takes the process down.
        self.cuda: Cuda = options.cuda or open_cuda(index)
        fits = functools.partial(
            engine_files.check_fits,
            header,
            name=model.name,
            document=document,
            compute_capability=self.cuda.facts.compute_capability,
        )
        facts = _first_that_fits(modules, fits)
        module = options.api_module or import_module(facts)
        self.runtime = f"{facts.name} {module.__version__}"
        self.device = f"cuda:{self.cuda.facts.index}"
        self._model = model.name
        self._module = module
        self._timing = options.timing
        self._profile = options.profile
        self._log = log_of(module)
        self._lifetime = Lifetime(model.name)
        self._lock = threading.Lock()
        self._requests: weakref.WeakSet[TensorRTRequest] = weakref.WeakSet()
        self._shared: Dict[int, ContextSlot] = {}
        self._placement: Optional[Tuple[Placement, ...]] = None
        self._times = LayerTimes()
        refusal = functools.partial(
            engine_files.explain,
            header=header,
            name=model.name,
            module_kind=facts.kind,
            module_version=module.__version__,
            document=document,
            compute_capability=self.cuda.facts.compute_capability,
        )
        with self.cuda.current():
            self._runtime, self._engine = _deserialized(
                module, self._log, plan, options.host_code, refusal
            )
            self._api = api.engine_api(module, self._engine)
        self._read_tensors()

    def _read_tensors(self) -> None:
        model, found = self._model, self._api.tensors
        for tensor in found:
            if tensor.on_host or not tensor.linear:
                raise SpecMismatch(
                    f"{model}: expected {tensor.name!r} as a plain (linear) tensor on the device; "
                    "it is on the host, or in a packed format. Build the engine with the default "
                    "formats of inputs and outputs"
                )
        inputs = [_tensor_info(t) for t in found if t.is_input]
        outputs = [_tensor_info(t) for t in found if not t.is_input]
        self.input = require_dtype(single_input(inputs, model), "the input", model)
        self.outputs = tuple(require_dtype(o, "the output", model) for o in outputs)
        self._profiles = self._read_profiles()
        own_context = self._api.shares_profiles or None not in self.input.shape
        self._one_context_each = not own_context
        self.max_requests = None if own_context else simultaneous(self._profiles)
        self.max_batch = max(profile.largest[0] for profile in self._profiles)
        self._loaded = Loaded(
            model,
            self.cuda,
            self._api,
            self._log,
            self._lifetime,
            self.input,
            self.outputs,
            find_ranges(),
            self._timing,
        )

    def _read_profiles(self) -> Tuple[Profile, ...]:
        if None not in self.input.shape:
            shape = tuple(n for n in self.input.shape if n is not None)
            return (Profile(0, shape, shape, shape),)
        every = tuple(
            Profile(number, *self._api.profile_shapes(self.input.name, number))
            for number in range(self._api.profiles)
        )
        wanted = self._profile
        if wanted is None:
            return every
        if wanted >= len(every):
            raise ArgumentError(
                f"profile: {self._model} has {len(every)}, numbered from 0; got {wanted}"
            )
        return (every[wanted],)

    # -- requests -----------------------------------------------------------------------------

    def new_request(
        self, batch: int = 1, item_shape: Optional[Sequence[int]] = None
    ) -> TensorRTRequest:
        """A stream, memory and, but for shared ones, an execution context for `batch` frames.

        `item_shape` is the tensor's shape without the batch, for an engine that leaves width and
        height open; others only check it. Milliseconds, and the engine's working memory.

        Raises:
            SpecMismatch: the engine is fixed to another shape, or no optimisation profile holds
                this one. BackendError: closed, or out of memory.
        """
        self._lifetime.check()
        shape = request_shape(self.input, batch, item_shape, self._model)
        profile = choose(self._profiles, shape, self._model)
        with self._lock:
            self._lifetime.check()
            stream = self.cuda.stream()
            try:
                slot = self._slot(profile, stream)
                request = TensorRTRequest(self._loaded, slot, shape, stream)
            except BaseException:
                stream.close()
                raise
            self._requests.add(request)
            return request

    def _slot(self, profiles: Sequence[Profile], stream: Any) -> ContextSlot:
        """A context under the first of `profiles`, which all hold the shape; or one to share."""
        if not self._one_context_each:
            return self._new_slot(profiles[0].number, stream)
        unused = [p for p in profiles if p.number not in self._shared]
        if unused:
            number = unused[0].number
            self._shared[number] = self._new_slot(number, stream)
            return self._shared[number]
        # Turns are taken evenly: the least used of the contexts.
        users = [request.profile for request in self._requests]
        return self._shared[min((p.number for p in profiles), key=users.count)]

    def _new_slot(self, profile: int, stream: Any) -> ContextSlot:
        with self.cuda.current(), self._log.collecting() as said:
            slot = ContextSlot(
                self._engine.create_execution_context(), profile, self._one_context_each
            )
            if slot.context is None:
                raise BackendError(self._no_context(said))
            try:
                self._set_up(slot, stream, said)
            except BaseException:
                slot.close()
                raise
        return slot

    def _set_up(self, slot: ContextSlot, stream: Any, said: Sequence[str]) -> None:
        if None in self.input.shape:
            if not api.select_profile(slot.context, slot.profile, stream.handle):
                raise BackendError(
                    f"{self._model}: TensorRT refused profile {slot.profile}: {_text(said)}"
                )
            stream.synchronize()
        if self._timing:
            api.profile_layers(slot.context, profiler_of(self._module, self._times))

    def _no_context(self, said: Sequence[str]) -> str:
        needed = api.device_memory_bytes(self._engine) / 2**20
        free = self.cuda.free_memory() / 2**20
        return (
            f"{self._model}: TensorRT made no execution context beside {len(self._requests)} "
            f"requests; each takes {needed:.1f} MiB of device memory, {free:.1f} MiB are free: "
            f"{_text(said)}. Use fewer threads, or build with a smaller batch"
        )

    # -- facts --------------------------------------------------------------------------------

    @property
    def placement(self) -> Tuple[Placement, ...]:
        """All of the engine's layers, on its device: building decided what runs where."""
        self._lifetime.check()
        if self._placement is None:
            count = len(layers_of(self.engine_inspector())) or int(self._engine.num_layers)
            unit = f"{self.device} ({self.cuda.facts.name})"
            self._placement = (Placement(unit, count, "built into the engine"),)
        return self._placement

    def engine_inspector(self) -> Optional[str]:
        """The engine inspector's JSON: each layer, as detailed as the engine was built to say.

        None where this module has no inspector (the lean runtime).
        """
        self._lifetime.check()
        with self.cuda.current():
            return api.inspect_engine(self._module, self._engine)

    @property
    def layer_times(self) -> Tuple[LayerTime, ...]:
        """Each layer's time over all runs so far. Empty without the option ``timing``."""
        return self._times.read()

    def close(self) -> None:
        """Release contexts, memory, the engine and the runtime, in this order. Safe to call twice.

        Waits for runs that are under way; requests raise BackendError after it.
        """
        if self._lifetime.forked:
            return  # all of it is the parent's
        self._lifetime.closed = True
        with self._lock:
            requests = list(self._requests)
            for request in requests:
                request.stop()
            with self.cuda.current():
                for slot in self._shared.values():
                    slot.close()
            for request in requests:
                request.release()
            with self.cuda.current():
                self._api.release()
                self._engine = None
                self._runtime = None


def _checked(options: Dict[str, Any]) -> _Options:
    module = options.get("module")
    if module is not None and module not in _NAMES:
        raise ArgumentError(f"module: expected one of {', '.join(_NAMES)}, or None; got {module!r}")
    profile = options.get("profile")
    if profile is not None and (
        isinstance(profile, bool) or not isinstance(profile, int) or profile < 0
    ):
        raise ArgumentError(f"profile: expected a whole number of at least 0, got {profile!r}")
    for name in ("engine_host_code_allowed", "timing"):
        if not isinstance(options.get(name, False), bool):
            raise ArgumentError(f"{name}: expected True or False, got {options[name]!r}")
    return _Options(
        module,
        profile,
        options.get("engine_host_code_allowed", False),
        options.get("timing", False),
        options.get("cuda"),
        options.get("api_module"),
    )


def _device_index(device: Optional[str], model: str, given: Optional[Cuda]) -> int:
    if device == "cpu":
        raise BackendUnavailable(
            f"{model}: device 'cpu' was asked for, and an engine runs on NVIDIA GPUs alone. Use "
            "device='cuda:0', or the .onnx file that the engine was built from"
        )
    index = cuda_index(device)
    if given is not None and index not in (None, given.facts.index):
        raise ArgumentError(
            f"device: expected 'cuda:{given.facts.index}', which backend_options['cuda'] is; got "
            f"{device!r}"
        )
    return index or 0


def _readers(kind: str, options: _Options, model: str) -> List[ModuleFacts]:
    """The modules here that read engines of `kind`, at least one.

    Raises:
        BackendUnavailable: there is none, or the one asked for does not.
    """
    given = options.api_module
    there = find_modules() if given is None else [facts_of(given)]
    readers = [facts for k in _READERS[kind] for facts in there if facts.kind == k]
    if options.module is not None:
        readers = [facts for facts in readers if facts.name == options.module]
    if readers:
        return readers
    names = " or ".join(k.replace("-", "_") for k in _READERS[kind])
    have = ", ".join(f"{facts.name} {facts.version}" for facts in there) or "none"
    asked = f"; module={options.module!r} was asked for" if options.module else ""
    raise BackendUnavailable(
        f"{model}: an engine of {_product(kind)} needs the Python module {names}; installed: "
        f"{have}{asked}. Install it ({install_hint(kind)}), or build the engine for what is here: "
        "edgeclf build MODEL.onnx -o X.engine"
    )


def _first_that_fits(modules: Sequence[ModuleFacts], check: Callable[..., None]) -> ModuleFacts:
    """The lean runtime may read what the full one of another version does not.

    Raises:
        ModelError: none does; says why the first one does not.
    """
    reasons = []
    for facts in modules:
        try:
            check(module_kind=facts.kind, module_version=facts.version)
            return facts
        except ModelError as exc:
            reasons.append(exc)
    raise reasons[0]


def _product(kind: str) -> str:
    return "TensorRT for RTX" if kind == "tensorrt-rtx" else "TensorRT"


def _deserialized(
    module: Any,
    log: VendorLog,
    plan: memoryview,
    host_code: bool,
    refusal: Callable[[Sequence[str]], ModelError],
) -> Tuple[Any, Any]:
    """The vendor's runtime and engine, or `refusal` of what the log said."""
    with log.collecting() as said:
        try:
            runtime = _runtime(module, log)
            api.allow_host_code(module, runtime, host_code)
            reason = api.invalidity(module, runtime, plan)
            engine = None if reason else runtime.deserialize_cuda_engine(plan)
        except BackendError:
            raise
        except Exception as exc:
            raise refusal([*said, str(exc)]) from exc
    if engine is None:
        raise refusal([*said, reason] if reason else said)
    return runtime, engine


def _runtime(module: Any, log: VendorLog) -> Any:
    """The vendor's Runtime. Where it could not start (no device, a driver that is too old), it is
    an object around a null pointer all the same, and the log tells: to use it, or to let go of it,
    takes the process down.
    """
    with log.collecting() as said:
        try:
            runtime = module.Runtime(log.logger)
        except Exception as exc:
            said.append(str(exc))
            runtime = None
    if runtime is not None and said.errors:
        api.never_destroy(runtime)
    if runtime is None or said.errors:
        raise BackendUnavailable(
            f"{module.__name__} {module.__version__}: its runtime did not start: {_text(said)}. "
            "Check with nvidia-smi that the GPU's driver is new enough for it"
        )
    return runtime


def _text(said: Sequence[str]) -> str:
    return "; ".join(said) or "it gave no reason"


def _tensor_info(tensor: api.Tensor) -> TensorInfo:
    shape = tuple(n if n >= 0 else None for n in tensor.shape)
    return TensorInfo(tensor.name, shape, tensor.dtype, None, "host" if tensor.on_host else "cuda")
