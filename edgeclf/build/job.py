"""A build with everything that it depends on settled; nothing has been converted yet."""

from __future__ import annotations

from typing import NamedTuple

from edgeclf.build.api import BuilderApi
from edgeclf.build.options import BuildOptions
from edgeclf.build.origin import Origin
from edgeclf.build.pictures import Pictures
from edgeclf.build.toolchain import Device

__all__ = ["Job"]


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
