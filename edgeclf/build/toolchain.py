"""Which TensorRT builds, and on which device."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from edgeclf.backends.arguments import cuda_index
from edgeclf.backends.tensorrt_modules import facts_of, find_modules, import_module
from edgeclf.build.api import BuilderApi
from edgeclf.build.options import RUNTIMES, BuildOptions
from edgeclf.cuda import open_cuda
from edgeclf.errors import ArgumentError, BackendUnavailable

__all__ = ["Device", "builder_api", "device_for", "target_of"]


class Device(NamedTuple):
    """The GPU to build on; ``cuda`` is None where there is none, and ``reason`` says why."""

    cuda: Optional[Any]
    reason: str = ""


def builder_api(runtime: Optional[str] = None, module: Any = None) -> BuilderApi:
    """The builder of `runtime`, or the first one that is installed: TensorRT before its RTX form.

    Args:
        runtime: "tensorrt" or "tensorrt-rtx"; None takes what is there.
        module: a vendor's module, imported already, instead.

    Raises:
        ArgumentError: no such runtime. BackendUnavailable: no builder is installed.
    """
    if runtime is not None and runtime not in RUNTIMES:
        raise ArgumentError(f"runtime: expected one of {RUNTIMES}, got {runtime!r}")
    if module is not None:
        facts = facts_of(module)
        return BuilderApi(module, facts.kind, facts.version)
    kinds = RUNTIMES if runtime is None else (runtime,)
    for found in find_modules():
        if found.kind in kinds:
            return BuilderApi(import_module(found), found.kind, found.version)
    raise BackendUnavailable(
        f"expected {' or '.join(kinds)} with its builder, and none is installed. On a Jetson "
        "TensorRT is a part of JetPack (python3-libnvinfer; a virtual environment needs "
        "--system-site-packages). For PCs with an RTX GPU: pip install 'edgeclf[tensorrt-rtx]'"
    )


def device_for(api: BuilderApi, device: Optional[str], cuda: Any = None) -> Device:
    """The GPU that `api` builds on.

    Args:
        device: "cuda:N"; None takes the first, or none where `api` can do without.
        cuda: a device that is open already.

    Raises:
        ArgumentError: `device` is "cpu", or no device's name. BackendUnavailable: there is none,
            and this builder needs one, or it was asked for by name.
    """
    if device == "cpu":
        raise ArgumentError("device: an engine runs on a GPU: expected 'cuda:N', got 'cpu'")
    index = cuda_index(device)
    if cuda is not None:
        return Device(cuda)
    try:
        return Device(open_cuda(index or 0))
    except BackendUnavailable as exc:
        if api.builds_without_device and device is None:
            return Device(None, str(exc))
        raise BackendUnavailable(
            f"{api.text} builds on the GPU that the engine is for: {exc}"
        ) from exc


def target_of(api: BuilderApi, device: Device, options: BuildOptions) -> BuildOptions:
    """The options, with the GPU at hand as the target where nothing else was asked for."""
    if options.compute_capabilities or not api.builds_without_device or device.cuda is None:
        return options
    major, minor = device.cuda.facts.compute_capability
    return options._replace(compute_capabilities=(f"{major}.{minor}",))
