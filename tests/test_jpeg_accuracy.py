"""What docs/spec.md promises of JPEGs decoded smaller: how far the tensor is from a full decode's.

The reference is Pillow's full decode, resized in float64. The photographs are small and sharp, and
resized to the largest size at which a reduction is still used: pictures of a camera differ less.
"""

from __future__ import annotations

import io

import numpy as np
import oracle
import pytest
from PIL import Image
from test_decoding import encoded

from edgeclf.jpeg import ReducedFrame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec

# Mean, and what 99.9 % of the samples stay below, in levels of 0..255.
PROMISED = {"bilinear": (3.0, 25.0), "bicubic": (3.5, 30.0), "lanczos": (3.5, 30.0)}


def differences(data, spec, reduction):
    preprocessor = Preprocessor(spec)
    frame = preprocessor.frame_of(data)
    assert isinstance(frame, ReducedFrame)
    assert frame.reduction == reduction
    full = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    expected = oracle.float_resize(full, spec.width, spec.height, spec)
    return np.abs(np.moveaxis(preprocessor(frame)[0], 0, -1) - expected)


def photographs(photos):
    for path in sorted(photos.glob("*.jpg")):
        picture = Image.open(path).convert("RGB")
        yield picture.crop((0, 0, picture.width // 8 * 8, picture.height // 8 * 8))


@pytest.mark.parametrize("interpolation", PROMISED)
@pytest.mark.parametrize("reduction", [8, 4, 2])
def test_worst_case_on_photographs(photos, interpolation, reduction):
    for picture in photographs(photos):
        width, height = (side // reduction * 5 // 6 for side in picture.size)
        spec = InputSpec(width, height, interpolation=interpolation, antialias=True, exact=False)
        data = encoded(picture, "JPEG", quality=85, subsampling=2)
        error = differences(data, spec, reduction)
        mean, most = PROMISED[interpolation]
        assert error.mean() < mean
        assert np.quantile(error, 0.999) < most


def test_camera_pictures(photos):
    """1080p to 224, with the photographs enlarged to fill such a frame."""
    spec = InputSpec(224, 224, interpolation="bilinear", antialias=True, exact=False)
    for picture in photographs(photos):
        large = picture.resize((1920, 1080), Image.BICUBIC)
        error = differences(encoded(large, "JPEG", quality=85, subsampling=2), spec, 4)
        assert error.mean() < 1.0
        assert np.quantile(error, 0.999) < 17.0
