"""BGR frames: plain bilinear, antialiased in both modes, area, and 8-bit tensors."""

from __future__ import annotations

from cases import (
    ANTIALIASED,
    BILINEAR,
    CLIPPED_BETWEEN,
    CODES,
    ONE_OFF_PILLOW,
    PILLOW,
    ROUNDED,
    ROUNDED_TWICE,
    Bench,
    Size,
    peer,
)
from lab.case import center_crop, stretch
from lab.timing import contender
from peers import normalise, sdk


def bilinear(size: Size) -> Bench:
    case = stretch(f"bilinear {size.name}", size.width, size.height, antialias=False)
    found = [contender("edgeclf", sdk.preprocessor(case), size.frames, BILINEAR)]
    opencv, kornia = peer("opencv"), peer("kornia")
    if opencv:
        usual, tuned = normalise.usual(case), normalise.tuned(case)
        found += [
            contender("cv2 chain", opencv.chain(case, usual), size.frames, ROUNDED),
            contender("cv2 tuned chain", opencv.chain(case, tuned), size.frames, ROUNDED),
            contender("cv2 blob", opencv.blob(case), size.frames, ROUNDED),
        ]
    if kornia:
        found.append(contender("kornia-rs", kornia.pipeline(case), size.frames, ROUNDED))
    return size.bench(case, found)


def antialiased(size: Size, interpolation: str) -> Bench:
    """Fast and exact mode side by side, because their peers are the same."""
    key = f"antialiased {interpolation} {size.name}"
    case = center_crop(key, size.width, size.height, interpolation=interpolation)
    twice = ROUNDED_TWICE if interpolation == "bilinear" else CLIPPED_BETWEEN
    usual, tuned = normalise.usual(case), normalise.tuned(case)
    found = [
        contender("edgeclf", sdk.preprocessor(case), size.frames, ANTIALIASED),
        contender("edgeclf exact", sdk.preprocessor(case, None), size.frames, PILLOW),
    ]
    pillow, pytorch = peer("pillow"), peer("pytorch")
    if pillow:
        whole, part = pillow.resize_and_crop(case, usual), pillow.resize_of_crop(case, tuned)
        found += [
            contender("Pillow", whole, size.frames, ONE_OFF_PILLOW),
            contender("Pillow, tuned", part, size.frames, ONE_OFF_PILLOW),
        ]
    if pytorch:
        found.append(contender("torch", pytorch.antialiased(case), size.frames, twice))
    second = size.second
    if second:
        found += second.contenders(case, ONE_OFF_PILLOW)
    return size.bench(case, found)


def area(size: Size) -> Bench:
    key = f"area {size.name}"
    case = stretch(key, size.width, size.height, interpolation="area")
    found = [contender("edgeclf", sdk.preprocessor(case), size.frames, ANTIALIASED)]
    opencv = peer("opencv")
    if opencv:
        usual, tuned = normalise.usual(case), normalise.tuned(case)
        found += [
            contender("cv2 chain", opencv.chain(case, usual), size.frames, ROUNDED),
            contender("cv2 tuned chain", opencv.chain(case, tuned), size.frames, ROUNDED),
        ]
    return size.bench(case, found)


def eight_bit(size: Size, dtype: str) -> Bench:
    key = f"{dtype} {size.name}"
    plain = {"antialias": False, "dtype": dtype, "layout": "nhwc"}
    case = stretch(key, size.width, size.height, **plain)
    found = [contender("edgeclf", sdk.preprocessor(case), size.frames, CODES)]
    opencv = peer("opencv")
    if opencv:
        found += [
            contender("cv2 resize+cvtColor", opencv.eight_bit(case), size.frames, ROUNDED),
            contender("cv2 blob", opencv.blob(case), size.frames, ROUNDED),
        ]
    return size.bench(case, found)
