"""A build with everything that it depends on settled; nothing has been converted yet."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from edgeclf.build.api import BuilderApi
from edgeclf.build.options import BuildOptions
from edgeclf.build.origin import Origin
from edgeclf.build.pictures import Pictures, PictureSource, pictures_of
from edgeclf.build.toolchain import Device, builder_api, device_for, target_of

__all__ = ["Job", "job_of"]


class Job(NamedTuple):
    """One model, what is asked of its engine, and what builds it where.

    ``pictures`` may be empty: then there is nothing to calibrate on, and synthetic ones serve for
    the comparison.
    """

    origin: Origin
    options: BuildOptions
    api: BuilderApi
    device: Device
    pictures: Pictures


def job_of(
    origin: Origin,
    options: BuildOptions,
    calibrate: PictureSource,
    runtime: Optional[str],
    module: Any,
    device: Optional[str],
    cuda: Any,
) -> Job:
    """The job of `build_engine`'s arguments. The model is read before: what is wrong with it is
    said whether or not there is a TensorRT.

    Raises:
        BackendUnavailable, ArgumentError: as `build_engine`.
    """
    api = builder_api(runtime, module)
    place = device_for(api, device, cuda)
    return Job(origin, target_of(api, place, options), api, place, pictures_of(calibrate))
