"""What one stream's frames pass through: pinned memory, and the device's."""

from __future__ import annotations

from typing import Any, Optional

from edgeclf.cuda.base import Cuda
from edgeclf.cuda.resources import DeviceMemory, HostMemory, Stream

__all__ = ["Lane"]


class Lane:
    """Memory for one frame on its way to the device. One thread at a time, as its stream.

    Where the device shares the host's memory (Jetson) and can map it, the kernel reads the pinned
    memory itself, and nothing is uploaded.
    """

    def __init__(self, cuda: Cuda):
        self._cuda = cuda
        self._mapped = cuda.facts.integrated and cuda.facts.can_map_host_memory
        self.host: Optional[HostMemory] = None
        self.device: Optional[DeviceMemory] = None
        self.busy = False  # work is enqueued, and nobody has waited for it yet
        self.keep: Any = None  # what that work reads

    @property
    def uploads(self) -> bool:
        return not self._mapped

    @property
    def pixels(self) -> int:
        """Where the kernel finds a frame; 0 before there was one."""
        if self._mapped:
            return (self.host.device_pointer or 0) if self.host else 0
        return self.device.pointer if self.device else 0

    def reserve(self, nbytes: int) -> HostMemory:
        """Pinned memory of at least so many bytes, and the device's. What was there before may be
        freed: no work may be under way."""
        if self.host is None or self.host.nbytes < nbytes:
            self.host = self.device = None
            host = self._cuda.allocate_host(nbytes, mapped=self._mapped)
            if not self._mapped:
                self.device = self._cuda.allocate(nbytes)
            self.host = host
        return self.host

    def wait(self, stream: Stream) -> None:
        """Until nothing reads the lane any more."""
        if self.busy:
            stream.synchronize()
        self.done()

    def done(self) -> None:
        """Somebody has waited for the stream."""
        self.busy = False
        self.keep = None
