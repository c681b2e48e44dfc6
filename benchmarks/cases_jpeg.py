"""A JPEG's bytes to the tensor: 1080p, quality 85, 4:2:0, shorter side 256, centre crop 224.

The reference is the float64 resize of a full decode. A decode scaled by the DCT differs from it by
what its low-pass filter takes away, and a plain resize of the full decode by aliasing; the
tolerances are on the mean error, over the picture, and on the largest.
"""

from __future__ import annotations

import io
from typing import Any, List, Optional

import numpy as np
from cases import Bench, peer
from lab import frames as pictures
from lab import reference
from lab.case import center_crop
from lab.reference import Tolerance
from lab.timing import Contender, contender
from peers import normalise, sdk
from PIL import Image

FULL = Tolerance("float64", 1.5, 0.5)
PLAIN = Tolerance("float64", 120.0, 6.0)
SCALED = Tolerance("float64", 60.0, 2.5)


def jpeg(width: int = 1920, height: int = 1080, quality: int = 85) -> Bench:
    case = center_crop("jpeg 1080p", width, height)
    files = pictures.jpegs(width, height, quality)
    found = [
        contender("edgeclf", sdk.preprocessor(case), files, SCALED),
        contender("edgeclf exact", sdk.preprocessor(case, None), files, FULL),
        *_opencv(case, files),
        *_pillow(case, files),
        *_simplejpeg(case, files),
    ]
    full = np.asarray(Image.open(io.BytesIO(files[0])).convert("RGB"))
    sizes = ", ".join(f"{len(data) // 1000}" for data in files)
    note = f"files of {sizes} kB"
    return Bench(case.key, found, len(files), reference.of_rgb(case, full), note)


def _opencv(case: Any, files: List[bytes]) -> List[Contender]:
    opencv = peer("opencv")
    if not opencv:
        return []
    run = opencv.chain(case, normalise.usual(case))
    full, quarter = opencv.IMREAD_FULL, opencv.IMREAD_REDUCED_4
    return [
        contender("cv2 full", opencv.decoded(run, full), files, PLAIN),
        contender("cv2 REDUCED_4", opencv.decoded(run, quarter), files, PLAIN),
    ]


def _pillow(case: Any, files: List[bytes]) -> List[Contender]:
    pillow: Optional[Any] = peer("pillow")
    if not pillow:
        return []
    usual = normalise.usual(case)
    full, draft = (pillow.decoded(case, usual, draft) for draft in (False, True))
    return [
        contender("Pillow full", full, files, FULL),
        contender("Pillow draft", draft, files, SCALED),
    ]


def _simplejpeg(case: Any, files: List[bytes]) -> List[Contender]:
    jpeg = peer("jpeg")
    if not jpeg:
        return []
    run = jpeg.scaled(case, normalise.tuned(case))
    return [contender("simplejpeg scaled", run, files, PLAIN), *jpeg.bounds(case, files)]
