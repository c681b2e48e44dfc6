"""A camera's YUV straight to the tensor; the peers convert the whole frame first."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import numpy as np
from cases import YUV, YUV_ROUNDED, Bench, Size, peer
from lab import frames as pictures
from lab import reference
from lab.case import Case, center_crop, stretch
from lab.timing import Contender, contender
from peers import floor, normalise, sdk

import edgeclf


def yuv(size: Size, format: str, antialias: bool) -> Bench:
    kind = "antialiased" if antialias else "bilinear"
    make = center_crop if antialias else stretch
    key = f"{format} {kind} {size.name}"
    case = make(key, size.width, size.height, format=format, antialias=antialias)
    encode = {"nv12": pictures.nv12, "yuyv": pictures.yuyv}[format]
    base = np.stack([encode(picture) for picture in size.base])
    count = size.count_for(case)
    frames = pictures.rotation(base, count)
    found: List[Contender] = []
    note = ""
    try:
        found.append(contender("edgeclf", sdk.yuv_preprocessor(case), frames, YUV))
    except (edgeclf.EdgeclfError, KeyError, TypeError) as exc:
        note = f"edgeclf has no {format} yet: {exc}"
    found += _yuv_peers(case, frames, antialias)
    found += floor.contenders(case, frames)
    return Bench(key, found, count, reference.of_yuv(case, frames[0]), note)


def _yuv_peers(case: Case, frames: np.ndarray, antialias: bool) -> List[Contender]:
    opencv = peer("opencv")
    if not opencv:
        return []
    usual, tuned = normalise.usual(case), normalise.tuned(case)
    ways: Dict[str, Callable[[Any], np.ndarray]] = {}
    if antialias:
        pillow, pytorch = peer("pillow"), peer("pytorch")
        if pillow:
            ways["cvtColor+Pillow"] = pillow.resize_and_crop(case, usual)
        if pytorch:
            ways["cvtColor+torch"] = pytorch.antialiased(case)
    else:
        ways["cv2 chain"] = opencv.chain(case, usual)
        ways["cv2 tuned chain"] = opencv.chain(case, tuned)
        ways["cvtColor+blob"] = opencv.blob(case)
    return [
        contender(name, opencv.converted(case, run), frames, YUV_ROUNDED)
        for name, run in ways.items()
    ]
