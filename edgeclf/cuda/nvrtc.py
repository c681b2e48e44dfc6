"""NVIDIA's runtime compiler, through ctypes: it needs no GPU, no driver and no toolkit.

The library comes with a pip package (nvidia-cuda-nvrtc, which cuda-bindings[all] brings), with the
toolkit, or with JetPack; any release from 10.2 on will do.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from edgeclf.errors import BackendError, BackendUnavailable

__all__ = ["Image", "Nvrtc", "find_nvrtc"]

_RELEASES = ("13", "12", "11.2", "11.1", "11.0", "10.2")
_OPTIONS = ("--std=c++14",)


class Image(NamedTuple):
    """What the driver loads. ``kind`` is "cubin", for one architecture, or "ptx", which the driver
    compiles for this GPU and newer ones."""

    kind: str
    content: bytes


class Nvrtc:
    """One NVRTC library. Thread-safe.

    Attributes:
        path: the library's file or name.
        version: (major, minor).
        architectures: 75 for compute capability 7.5, ascending; empty where the library is too old
            (before 11.2) to tell.
        driver_version: CUDA's number for the driver that is to load the result (12040), or None.

    Raises:
        BackendUnavailable: it cannot be loaded, or is no NVRTC.
    """

    def __init__(self, path: str):
        self.path = path
        self.driver_version: Optional[int] = None
        try:
            self._library: Any = ctypes.CDLL(path)
            self.version = self._version()
        except (OSError, AttributeError) as exc:
            raise BackendUnavailable(f"{path}: not an NVRTC that can be used: {exc}") from exc
        self.architectures = self._architectures()

    def compile(self, source: str, compute_capability: Tuple[int, int]) -> Image:
        """`source` for one GPU: a cubin where this NVRTC knows that GPU and can make one, else PTX
        for the newest architecture before it.

        Raises:
            BackendError: the source does not compile; with the compiler's log.
            BackendUnavailable: the GPU is older than everything that this NVRTC compiles for, or
                the driver is older than its PTX.
        """
        wanted = compute_capability[0] * 10 + compute_capability[1]
        makes_cubins = hasattr(self._library, "nvrtcGetCUBINSize")
        if makes_cubins and wanted in self.architectures:
            return Image("cubin", self._compiled(source, f"sm_{wanted}", "CUBIN"))
        # Before 11.2 the library does not tell, and is as old as the GPUs it came with.
        older = [arch for arch in self.architectures if arch <= wanted]
        if self.architectures and not older:
            raise BackendUnavailable(
                f"NVRTC {self.version[0]}.{self.version[1]} compiles for compute capability "
                f"{_dotted(self.architectures[0])} and newer, and this GPU has {_dotted(wanted)}. "
                "Install an older one: pip install nvidia-cuda-nvrtc-cu12==12.9.*"
            )
        arch = older[-1] if older else wanted
        self._check_driver_takes_ptx(wanted)
        return Image("ptx", self._compiled(source, f"compute_{arch}", "PTX"))

    def _check_driver_takes_ptx(self, wanted: int) -> None:
        """A cubin runs on every driver of its major release; PTX on none that is older than it."""
        if self.driver_version is None or self.version <= _release_of(self.driver_version):
            return
        major, minor = _release_of(self.driver_version)
        package = "nvidia-cuda-nvrtc" if major >= 13 else f"nvidia-cuda-nvrtc-cu{major}"
        raise BackendUnavailable(
            f"NVRTC {self.version[0]}.{self.version[1]} has no code for compute capability "
            f"{_dotted(wanted)}, only PTX, and the driver is of CUDA {major}.{minor}, which does "
            f"not load newer PTX. Install one no newer than the driver (pip install "
            f"'{package}=={major}.{minor}.*'), or a newer driver"
        )

    def _version(self) -> Tuple[int, int]:
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        return major.value, minor.value

    def _architectures(self) -> Tuple[int, ...]:
        if not hasattr(self._library, "nvrtcGetSupportedArchs"):
            return ()
        count = ctypes.c_int()
        self._check("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        found = (ctypes.c_int * count.value)()
        self._check("nvrtcGetSupportedArchs", found)
        return tuple(sorted(found))

    def _compiled(self, source: str, architecture: str, kind: str) -> bytes:
        program = ctypes.c_void_p()
        self._check(
            "nvrtcCreateProgram",
            ctypes.byref(program),
            source.encode(),
            b"edgeclf.cu",
            0,
            None,
            None,
        )
        try:
            options = [f"--gpu-architecture={architecture}", *_OPTIONS]
            given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
            if self._library.nvrtcCompileProgram(program, len(options), given) != 0:
                log = self._bytes(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
                raise BackendError(
                    f"NVRTC {self.version[0]}.{self.version[1]} cannot compile the kernel for "
                    f"{architecture}. Please report this:\n{log}"
                )
            return self._bytes(program, kind)
        finally:
            self._library.nvrtcDestroyProgram(ctypes.byref(program))

    def _bytes(self, program: Any, kind: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(f"nvrtcGet{kind}Size", program, ctypes.byref(size))
        content = ctypes.create_string_buffer(size.value)
        self._check(f"nvrtcGet{kind}", program, content)
        return content.raw

    def _check(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            text = self._library.nvrtcGetErrorString
            text.restype = ctypes.c_char_p
            raise BackendError(f"{self.path}: {name}: {(text(code) or b'').decode()} ({code})")


@functools.lru_cache(maxsize=None)
def find_nvrtc(driver_version: Optional[int] = None) -> Nvrtc:
    """The first NVRTC there is: of pip's packages, then of the system.

    `driver_version`: CUDA's number for the driver (12040); None takes any. One that is no newer
    than the driver comes first: all that it makes can be loaded. Of a newer one of the same major
    release only cubins can, and `Nvrtc.compile` refuses to make PTX.

    Raises:
        BackendUnavailable: there is none.
    """
    newer = []
    cubins_alone: Optional[Nvrtc] = None
    for candidate in _candidates(sys.path):
        try:
            found = Nvrtc(candidate)
        except BackendUnavailable:
            continue
        found.driver_version = driver_version
        if driver_version is None or found.version <= _release_of(driver_version):
            return found
        if found.version[0] > driver_version // 1000:
            newer.append(found.path)
        elif cubins_alone is None:
            cubins_alone = found
    if cubins_alone is not None:
        return cubins_alone
    if newer and driver_version is not None:
        release = driver_version // 1000
        raise BackendUnavailable(
            f"the driver is of CUDA {release}, and every NVRTC here is newer ({', '.join(newer)}): "
            f"it does not load what they compile. Install one of CUDA {release} (pip install "
            f"nvidia-cuda-nvrtc-cu{release}), or a newer driver"
        )
    raise BackendUnavailable(
        "no NVRTC, which compiles the preprocessing for this GPU. Install it: pip install "
        "nvidia-cuda-nvrtc (CUDA 13), or nvidia-cuda-nvrtc-cu12 (CUDA 12, and GPUs before compute "
        "capability 7.5); it is a part of JetPack and of the CUDA toolkit. Or use "
        "preprocess='host'"
    )


def _candidates(folders: Sequence[str]) -> Iterator[str]:
    for folder in folders:
        yield from _in_packages(Path(folder or "."))
    for release in _RELEASES:
        yield f"libnvrtc.so.{release}"
    for toolkit in sorted(Path("/usr/local").glob("cuda*/lib64/libnvrtc.so"), reverse=True):
        yield str(toolkit)


def _in_packages(folder: Path) -> List[str]:
    """The libraries of pip's packages, the newest first; not their "alt" variants."""
    found = [
        path
        for pattern in ("nvidia/*/lib/libnvrtc.so.*", "nvidia/*/bin/libnvrtc.so.*")
        for path in folder.glob(pattern)
        if _release(path) is not None
    ]
    return [str(path) for path in sorted(found, key=lambda p: _release(p) or (), reverse=True)]


def _release(path: Path) -> Optional[Tuple[int, ...]]:
    try:
        return tuple(int(part) for part in path.name.split(".so.")[1].split("."))
    except ValueError:
        return None


def _release_of(driver_version: int) -> Tuple[int, int]:
    return driver_version // 1000, driver_version % 1000 // 10


def _dotted(architecture: int) -> str:
    return f"{architecture // 10}.{architecture % 10}"
