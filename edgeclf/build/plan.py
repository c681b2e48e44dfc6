"""From a prepared ONNX model to a plan: parse, configure, build, and say why where that fails."""

from __future__ import annotations

import traceback
from contextlib import nullcontext
from typing import Any, ContextManager, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from edgeclf.backends.tensorrt_log import log_of
from edgeclf.build.api import BuilderApi
from edgeclf.build.calibration import DeviceCalibration
from edgeclf.build.callbacks import Steps, stopped
from edgeclf.build.options import Batch, BuildOptions
from edgeclf.errors import BackendError, BackendUnavailable, ModelError
from edgeclf.spec import InputSpec

__all__ = ["Built", "build_plan"]

_MOST_MESSAGES = 6
_OUT_OF_MEMORY = ("out of memory", "outofmemory", "insufficient memory", "bad_alloc")


class Built(NamedTuple):
    """A plan, the batch it takes, and what to keep for the next build."""

    plan: bytes
    batch: Batch
    timing_cache: bytes


def build_plan(
    api: BuilderApi,
    content: bytes,
    options: BuildOptions,
    input_spec: InputSpec,
    *,
    name: str,
    workspace: Optional[int],
    cuda: Optional[Any] = None,
    tensors: Optional[Iterator[np.ndarray]] = None,
    steps: Optional[Steps] = None,
    timing_cache: bytes = b"",
) -> Built:
    """Build one plan.

    Args:
        content: the ONNX model as TensorRT takes it.
        input_spec: of that model; fills in what its input leaves open.
        name: the model's, for messages.
        workspace: bytes, or None for the builder's own choice.
        cuda: the GPU to build on: current for the whole build, since the builder takes what is.
        tensors: input tensors to calibrate on, where TensorRT finds the ranges; needs `cuda`.
        steps: is told of the progress, and may stop the build by False or by an exception.
        timing_cache: what an earlier build left.

    Raises:
        ModelError: the parser does not understand the model. BackendUnavailable: the generation
            or the GPU lacks what was asked for. BackendError: the build failed or was stopped.
        Whatever `steps` raised.
    """
    demand = _Demand(content, options, input_spec, name, workspace, cuda, tensors, timing_cache)
    context: ContextManager[Any] = nullcontext() if cuda is None else cuda.current()
    with context:
        try:
            return _built(api, demand, _Watch(steps))
        except BaseException as exc:
            # The vendor's objects go now, while their GPU is current, and not with the traceback.
            traceback.clear_frames(exc.__traceback__)
            raise


class _Demand(NamedTuple):
    """The arguments of `build_plan`."""

    content: bytes
    options: BuildOptions
    input_spec: InputSpec
    name: str
    workspace: Optional[int]
    cuda: Optional[Any]
    tensors: Optional[Iterator[np.ndarray]]
    timing_cache: bytes


def _built(api: BuilderApi, demand: _Demand, watch: _Watch) -> Built:
    log, options, name = log_of(api.module), demand.options, demand.name
    with log.collecting() as messages:
        builder = _builder(api, log.logger, messages)
        api.check(builder, options)
        network = api.network(builder)
        errors = api.parse(network, log.logger, demand.content)
        if errors:
            raise _parse_error(name, api, errors)
        config = api.configuration(builder, options, demand.workspace)
        spec = demand.input_spec
        batch, profile = _profile(api, builder, config, network, options, spec, name)
        api.watch(config, watch if watch.wanted else None)
        api.use_timing_cache(config, demand.timing_cache)
        with DeviceCalibration(
            api, config, profile, demand.cuda, demand.tensors, batch[1]
        ) as calibration:
            plan = api.build(builder, network, config)
        watch.raise_if_stopped()
        calibration.raise_if_failed()
        if plan is None:
            raise _build_error(name, api, messages)
        return Built(plan, batch, api.timing_cache(config))


def _builder(api: BuilderApi, logger: Any, messages: List[str]) -> Any:
    try:
        builder = api.module.Builder(logger)
    except Exception as exc:
        raise BackendUnavailable(
            f"{api.text}: its builder does not start: {exc}. {_said(messages)}Check that the "
            "driver is new enough for this TensorRT"
        ) from exc
    if builder is None:
        raise BackendUnavailable(f"{api.text}: its builder does not start. {_said(messages)}")
    return builder


def _profile(
    api: BuilderApi,
    builder: Any,
    config: Any,
    network: Any,
    options: BuildOptions,
    spec: InputSpec,
    name: str,
) -> Tuple[Batch, Any]:
    """The batches that the plan will take, and the profile that says so, None where it is fixed."""
    tensor = network.get_input(0)
    stated = tuple(int(n) for n in tensor.shape)
    fixed = stated[0] if stated[0] > 0 else None
    batch = options.batch or ((fixed,) * 3 if fixed else (1, 1, 1))
    if fixed and batch != (fixed,) * 3:
        raise ModelError(
            f"{name}: its batch is fixed to {fixed}, and {batch} was asked for. Export it with a "
            "dynamic batch, or leave the batch out"
        )
    if min(stated) > 0:
        return batch, None
    shapes = [(size, *spec.shape[1:]) for size in batch]
    return batch, api.add_profile(builder, config, tensor.name, (shapes[0], shapes[1], shapes[2]))


class _Watch:
    """Passes progress on, and keeps what stopped the build: the vendor's code cannot raise it."""

    def __init__(self, steps: Optional[Steps]):
        self._steps = steps
        self.wanted = steps is not None
        self._stopped: Optional[BaseException] = None

    def __call__(self, phase: str, done: int, total: int) -> bool:
        assert self._steps is not None
        try:
            if self._steps(phase, done, total):
                return True
            self._stopped = stopped()
        except BaseException as exc:
            self._stopped = exc
        return False

    def raise_if_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped


def _parse_error(name: str, api: BuilderApi, errors: Sequence[str]) -> ModelError:
    return ModelError(
        f"{name}: {api.text} cannot parse it: {'; '.join(errors[:_MOST_MESSAGES])}. Export the "
        "model with operators and an opset that this version knows, or use a later TensorRT"
    )


def _build_error(name: str, api: BuilderApi, messages: Sequence[str]) -> BackendError:
    advice = "Run again with edgeclf --verbose for all that the builder says"
    if any(word in message.lower() for message in messages for word in _OUT_OF_MEMORY):
        advice = (
            "The memory ran out: close other programs, give a smaller workspace (--workspace 64M) "
            "or a smaller batch"
        )
    return BackendError(f"{name}: {api.text} could not build it. {_said(messages)}{advice}")


def _said(messages: Sequence[str]) -> str:
    # Warnings come first, and what ended it last.
    said = "; ".join(message.strip() for message in messages[-_MOST_MESSAGES:])
    return f"It says: {said}. " if said else "It gave no reason. "
