"""OpenCV: resize, cvtColor and NumPy; and cv2.dnn's blob, which fuses the normalisation."""

from __future__ import annotations

from typing import Any, Callable

import cv2
import numpy as np

from peers.normalise import Normalise

cv2.setNumThreads(1)

Run = Callable[[Any], np.ndarray]

FLAGS = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}
IMREAD_FULL, IMREAD_REDUCED_4 = cv2.IMREAD_COLOR, cv2.IMREAD_REDUCED_COLOR_4
TO_BGR = {"nv12": cv2.COLOR_YUV2BGR_NV12, "yuyv": cv2.COLOR_YUV2BGR_YUYV}


def chain(case, normalise: Normalise) -> Run:
    """resize and cvtColor into memory of ours, then `normalise`."""
    crop = _resize_and_crop(case)
    rgb = np.empty((case.spec.height, case.spec.width, 3), np.uint8)

    def run(frame: np.ndarray) -> np.ndarray:
        cv2.cvtColor(crop(frame), cv2.COLOR_BGR2RGB, dst=rgb)
        return normalise(rgb)

    return run


def eight_bit(case) -> Run:
    """RGB, channels last, straight into the output; for int8 the sign bit is flipped in place."""
    spec = case.spec
    out = np.empty(spec.shape, spec.dtype)
    bytes_ = out.view(np.uint8)
    small = np.empty((spec.height, spec.width, 3), np.uint8)

    def run(frame: np.ndarray) -> np.ndarray:
        cv2.resize(frame, (spec.width, spec.height), dst=small)
        cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=bytes_[0])
        if spec.dtype == "int8":
            np.bitwise_xor(bytes_, np.uint8(0x80), out=bytes_)
        return out

    return run


def blob(case) -> Run:
    """cv2.dnn.blobFromImageWithParams into memory of ours; stretches only."""
    spec = case.spec
    params = cv2.dnn.Image2BlobParams()
    params.size = (spec.width, spec.height)
    params.swapRB = True
    if spec.dtype == "float32":
        params.mean = (*(m / spec.rescale_factor for m in spec.mean), 0.0)
        params.scalefactor = (*(spec.rescale_factor / s for s in spec.std), 1.0)
    else:
        params.ddepth = cv2.CV_8U
        params.datalayout = cv2.DNN_LAYOUT_NHWC
    depth = np.float32 if spec.dtype == "float32" else np.uint8
    out = np.empty(spec.shape, depth)

    def run(frame: np.ndarray) -> np.ndarray:
        made = cv2.dnn.blobFromImageWithParams(frame, out, params)
        if spec.dtype == "int8":
            np.bitwise_xor(made, np.uint8(0x80), out=made)
            return made.view(np.int8)
        return made

    return run


def converted(case, run: Run) -> Run:
    """`run` after the whole YUV frame was made BGR in memory of ours."""
    code = TO_BGR[case.format]
    bgr = np.empty((case.height, case.width, 3), np.uint8)
    return lambda frame: run(cv2.cvtColor(frame, code, dst=bgr))


def decoded(run: Run, flag: int) -> Run:
    """`run` after imdecode; cv2 allocates its output."""
    return lambda data: run(cv2.imdecode(np.frombuffer(data, np.uint8), flag))


def _resize_and_crop(case) -> Run:
    (width, height), (x, y), spec = case.resized, case.crop, case.spec
    small = np.empty((height, width, 3), np.uint8)
    flag = FLAGS[spec.interpolation]

    def run(frame: np.ndarray) -> np.ndarray:
        cv2.resize(frame, (width, height), dst=small, interpolation=flag)
        return small[y : y + spec.height, x : x + spec.width]

    return run
