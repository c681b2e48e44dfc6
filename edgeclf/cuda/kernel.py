"""The preprocessing kernel: its source, compiled for a device and loaded there."""

from __future__ import annotations

import hashlib
from typing import Optional, Tuple

from edgeclf import _core
from edgeclf.cuda.base import Cuda
from edgeclf.cuda.cubin_cache import cached
from edgeclf.cuda.nvrtc import Nvrtc, find_nvrtc
from edgeclf.cuda.resources import Function

__all__ = ["BLOCK", "compiled_kernel", "load_kernel"]

BLOCK = (32, 8, 1)
_NAME = "edgeclf_preprocess"


def compiled_kernel(compute_capability: Tuple[int, int], nvrtc: Optional[Nvrtc] = None) -> bytes:
    """A cubin or PTX for GPUs of that compute capability, from the cache or compiled now.

    Raises:
        BackendUnavailable: no NVRTC, or one that is too new for this GPU. BackendError: it fails.
    """
    compiler = nvrtc or find_nvrtc()
    source = _core.cuda_source()
    key = (
        hashlib.sha256(source.encode()).hexdigest(),
        "{}.{}".format(*compute_capability),
        "nvrtc {}.{}".format(*compiler.version),
    )
    return cached(key, lambda: compiler.compile(source, compute_capability).content)


def load_kernel(cuda: Cuda, image: Optional[bytes] = None) -> Function:
    """The kernel on `cuda`. `image`: a cubin or PTX of it; None compiles it.

    Raises:
        As `compiled_kernel`; BackendError: the driver does not load it.
    """
    facts = cuda.facts
    content = image or compiled_kernel(facts.compute_capability, find_nvrtc(facts.driver_version))
    return cuda.load_module(content).function(_NAME)
