"""TensorRT: .engine files on NVIDIA GPUs, Jetson and PC, from 8.2 to 11 and TensorRT for RTX.

Each request has a stream and memory of its own, and an execution context of its own wherever the
engine's generation allows it: before TensorRT 10, an engine with a dynamic batch allows one
context for each optimisation profile, and its requests take turns (`max_requests`).

The device is "cuda:N" or None for "cuda:0". `num_threads` is accepted and without effect: nothing
runs on the CPU. Engines state no quantisation: an 8-bit input is taken as it is, and 8-bit outputs
are refused, for nobody can tell their real values.

``backend_options``, every one optional:

- ``module``: "tensorrt", "tensorrt_lean" or "tensorrt_rtx"; None takes the first that reads the
  file.
- ``profile``: the number of the optimisation profile to use; None takes the one that fits best.
- ``engine_host_code_allowed``: True lets a version-compatible engine run code that it carries, on
  the CPU, as this process. Only for files from a source you trust as much as a program.
- ``timing``: True collects each layer's time: see `TensorRTBackend.layer_times`.
- ``cuda``: a `Cuda` object instead of `open_cuda`'s; ``api_module``: TensorRT's module, already
  imported. For tests, and for those who load either in a way of their own.

Longer than 200 lines, most of them docstrings and messages.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from edgeclf.backends import tensorrt_api as api
from edgeclf.backends.arguments import check_threads
from edgeclf.backends.base import Lifetime, single_input
from edgeclf.backends.tensorrt_context import ContextSlot
from edgeclf.backends.tensorrt_layers import LayerTime, LayerTimes, layers_of, profiler_of
from edgeclf.backends.tensorrt_load import open_engine, quoted
from edgeclf.backends.tensorrt_nvtx import find_ranges
from edgeclf.backends.tensorrt_options import check_tensorrt_options, device_index
from edgeclf.backends.tensorrt_profiles import Profile, choose, profiles_of, simultaneous
from edgeclf.backends.tensorrt_request import Loaded, TensorRTRequest
from edgeclf.backends.tensors import request_shape, require_dtype
from edgeclf.errors import BackendError, ModelError, SpecMismatch
from edgeclf.model_file import ModelFile
from edgeclf.types import Placement, TensorInfo

__all__ = ["TensorRTBackend"]


class TensorRTBackend:
    """One engine in one of TensorRT's runtimes. See `edgeclf.backends.base.Backend`.

    Attributes:
        cuda: the device, as `edgeclf.cuda.open_cuda` gives it.
        min_batch, max_batch: the smallest and the largest batch that a profile holds.

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
        options = check_tensorrt_options(backend_options)
        opened = open_engine(model, device_index(device, model.name, options.cuda), options)
        self.cuda = opened.cuda
        self.runtime = f"{opened.name} {opened.module.__version__}"
        self.device = f"cuda:{self.cuda.facts.index}"
        self._model = model.name
        self._module, self._log = opened.module, opened.log
        self._runtime, self._engine = opened.runtime, opened.engine
        self._timing, self._profile = options.timing, options.profile
        self._lifetime = Lifetime(model.name)
        self._lock = threading.Lock()
        self._requests: weakref.WeakSet[TensorRTRequest] = weakref.WeakSet()
        self._shared: Dict[int, ContextSlot] = {}
        self._placement: Optional[Tuple[Placement, ...]] = None
        self._times = LayerTimes()
        self._api: Optional[api.EngineApi] = None
        del opened  # else a traceback could keep the engine
        try:
            self._read_tensors()
        except BaseException:
            self.close()
            raise

    def _read_tensors(self) -> None:
        model = self._model
        with self.cuda.current():
            self._api = engine = _described(self._module, self._engine, model)
        _require_plain(engine.tensors, model)
        inputs = [_tensor_info(t) for t in engine.tensors if t.is_input]
        outputs = [_tensor_info(t) for t in engine.tensors if not t.is_input]
        self.input = require_dtype(single_input(inputs, model), "the input", model)
        self.outputs = tuple(_require_real(o, model) for o in outputs)
        self._profiles = profiles_of(engine, self.input, self._profile, model)
        own_context = engine.shares_profiles or None not in self.input.shape
        self._one_context_each = not own_context
        self.max_requests = None if own_context else simultaneous(self._profiles)
        self.min_batch = min(profile.smallest[0] for profile in self._profiles)
        self.max_batch = max(profile.largest[0] for profile in self._profiles)
        self._loaded = Loaded(
            model,
            self.cuda,
            engine,
            self._log,
            self._lifetime,
            self.input,
            self.outputs,
            find_ranges(),
            self._timing,
        )

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
            slot = ContextSlot(self._new_context(said), profile, self._one_context_each)
            try:
                self._set_up(slot, stream, said)
            except BaseException:
                slot.close(self.cuda)
                raise
        return slot

    def _set_up(self, slot: ContextSlot, stream: Any, said: Sequence[str]) -> None:
        if None in self.input.shape:
            if not api.select_profile(slot.context, slot.profile, stream.handle):
                raise BackendError(
                    f"{self._model}: TensorRT refused profile {slot.profile}: {quoted(said)}"
                )
            stream.synchronize()
        if self._timing:
            api.profile_layers(slot.context, profiler_of(self._module, self._times))

    def _new_context(self, said: List[str]) -> Any:
        try:
            context = self._engine.create_execution_context()
        except Exception as exc:
            raise self._no_context([*said, str(exc)]) from exc
        if context is None:
            raise self._no_context(said)
        return context

    def _no_context(self, said: Sequence[str]) -> BackendError:
        needed = api.device_memory_bytes(self._engine) / 2**20
        free = self.cuda.free_memory() / 2**20
        return BackendError(
            f"{self._model}: TensorRT made no execution context beside {len(self._requests)} "
            f"requests; each takes {needed:.1f} MiB of device memory, {free:.1f} MiB are free: "
            f"{quoted(said)}. Use fewer threads, or build with a smaller batch"
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

    def __del__(self) -> None:
        # No contextlib: at the interpreter's end modules may be gone before this object.
        try:
            if self._lifetime.forked and self._engine is not None:
                # The vendor's destructors do not work in a forked child.
                for thing in (self._runtime, self._engine, *self._shared_contexts()):
                    api.never_destroy(thing)
        except AttributeError:  # not even loaded
            pass

    def _shared_contexts(self) -> List[Any]:
        contexts = [slot.context for slot in self._shared.values()]
        return [context for context in contexts if context is not None]

    def close(self) -> None:
        """Release contexts, memory, the engine and the runtime, in this order. Safe to call twice.

        Waits for runs that are under way; requests raise BackendError after it.
        """
        if self._lifetime.forked:
            return  # all of it is the parent's: see __del__
        self._lifetime.closed = True
        with self._lock:
            requests = list(self._requests)
            for request in requests:
                request.stop()
            for slot in self._shared.values():
                slot.close(self.cuda)
            for request in requests:
                request.release()
            try:
                with self.cuda.current():
                    self._drop_engine()
            except BackendError:  # its Cuda was closed before
                self._drop_engine()

    def _drop_engine(self) -> None:
        if self._api is not None:
            self._api.release()
        self._engine = None
        self._runtime = None


def _described(module: Any, engine: Any, model: str) -> api.EngineApi:
    try:
        return api.engine_api(module, engine)
    except Exception as exc:
        raise ModelError(
            f"{model}: expected tensors that {module.__name__} {module.__version__} can describe; "
            f"it says: {exc}. Build the engine with plain inputs and outputs"
        ) from exc


def _require_plain(tensors: Sequence[api.Tensor], model: str) -> None:
    for tensor in tensors:
        if tensor.on_host or not tensor.linear:
            raise SpecMismatch(
                f"{model}: expected {tensor.name!r} as a plain (linear) tensor on the device; "
                "it is on the host, or in a packed format. Build the engine with the default "
                "formats of inputs and outputs"
            )


def _require_real(info: TensorInfo, model: str) -> TensorInfo:
    """An output whose numbers are real ones: codes need a scale, which no engine states."""
    if info.dtype not in ("int8", "uint8"):
        return require_dtype(info, "the output", model)
    raise SpecMismatch(
        f"{model}: expected the output {info.name!r} as float32 or float16, got {info.dtype}: an "
        "engine does not state its scale and zero point, so its codes cannot become scores. Build "
        "it from an ONNX model that ends with DequantizeLinear, or with float outputs: the layers "
        "within may be int8 all the same"
    )


def _tensor_info(tensor: api.Tensor) -> TensorInfo:
    shape = tuple(n if n >= 0 else None for n in tensor.shape)
    return TensorInfo(tensor.name, shape, tensor.dtype, None, "host" if tensor.on_host else "cuda")
