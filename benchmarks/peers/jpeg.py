"""JPEG: simplejpeg scaled while decoding, and the bounds that no decoder of the file can beat."""

from __future__ import annotations

import ctypes
import subprocess
from typing import Callable, List

import cv2
import numpy as np
import simplejpeg
from lab import native
from lab.timing import Contender, clock

from peers.normalise import Normalise


def scaled(case, normalise: Normalise) -> Callable[[bytes], np.ndarray]:
    """Decoded at the smallest scale that is not below the resize, then OpenCV's plain resize."""
    (width, height), (x, y), spec = case.resized, case.crop, case.spec
    small = np.empty((height, width, 3), np.uint8)

    def run(data: bytes) -> np.ndarray:
        rgb = simplejpeg.decode_jpeg(
            data,
            "RGB",
            fastdct=True,
            fastupsample=True,
            min_height=height,
            min_width=width,
            min_factor=1,
        )
        cv2.resize(rgb, (width, height), dst=small)
        return normalise(small[y : y + spec.height, x : x + spec.width])

    return run


def bounds(case, files: List[bytes]) -> List[Contender]:
    """Entropy decoding through libjpeg where its headers are here, and simplejpeg at 1/8, which
    decodes every code word and computes next to nothing besides. Each checks what it decoded."""
    found = [_eighth(case, files)]
    try:
        library = ctypes.CDLL(str(native.compiled("entropy", ["-ljpeg"])))
    except (subprocess.CalledProcessError, OSError) as exc:
        print(f"entropy decoding through libjpeg: not available ({exc})")
        return found
    return [*found, _entropy(case, files, library)]


def _entropy(case, files: List[bytes], library: ctypes.CDLL) -> Contender:
    decode = library.entropy_decode
    decode.argtypes = [ctypes.c_char_p, ctypes.c_uint64, ctypes.c_void_p]
    decode.restype = ctypes.c_int64
    blocks = ctypes.c_int64()

    def nanoseconds(index: int) -> int:
        return int(decode(files[index], len(files[index]), ctypes.byref(blocks)))

    taken, wanted = nanoseconds(0), -(-case.width // 8) * -(-case.height // 8)
    assert (taken > 0, blocks.value) == (True, wanted), (taken, blocks.value, wanted)
    return Contender("entropy decode, libjpeg", nanoseconds)


def _eighth(case, files: List[bytes]) -> Contender:
    def decode(data: bytes) -> np.ndarray:
        return simplejpeg.decode_jpeg(
            data, "RGB", fastdct=True, fastupsample=True, min_height=1, min_width=1, min_factor=1
        )

    def nanoseconds(index: int) -> int:
        begin = clock()
        decode(files[index])
        return clock() - begin

    shape = decode(files[0]).shape
    assert shape == (-(-case.height // 8), -(-case.width // 8), 3), shape
    return Contender("entropy decode, simplejpeg 1/8", nanoseconds)
