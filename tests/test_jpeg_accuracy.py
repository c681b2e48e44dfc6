"""What docs/spec.md promises of JPEGs decoded smaller: how far the tensor is from a full decode's.

The reference is Pillow's full decode, resized in float64. The bounds: the mean, and what 99.9 % of
the samples stay below, in levels of 0..255.
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

SHARP = {"bilinear": (3.5, 40.0), "bicubic": (4.5, 46.0), "lanczos": (4.5, 46.0)}


def differences(data, spec, reduction, region=None):
    preprocessor = Preprocessor(spec)
    frame = preprocessor.frame_of(data, region)
    assert isinstance(frame, ReducedFrame)
    assert frame.reduction == reduction
    full = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    if region is not None:
        x, y, width, height = region
        full = full[y : y + height, x : x + width]
    expected = oracle.float_resize(full, spec.width, spec.height, spec)
    got = preprocessor(frame, region_of_interest=region)[0]
    return np.abs(np.moveaxis(got, 0, -1) - expected)


def photographs(photos):
    for path in sorted(photos.glob("*.jpg")):
        picture = Image.open(path).convert("RGB")
        yield picture.crop((0, 0, picture.width // 8 * 8, picture.height // 8 * 8))


@pytest.fixture(scope="module")
def jpegs_1080p(photos):
    """The photographs, enlarged to fill such a frame."""
    return [
        encoded(picture.resize((1920, 1080), Image.BICUBIC), "JPEG", quality=85, subsampling=2)
        for picture in photographs(photos)
    ]


def hold(error, bounds):
    return error.mean() < bounds[0] and np.quantile(error, 0.999) < bounds[1]


@pytest.mark.parametrize("interpolation", SHARP)
@pytest.mark.parametrize("reduction", [8, 4, 2])
def test_small_sharp_photographs_where_it_is_worst(photos, interpolation, reduction):
    """As large as they can become while that reduction is still used."""
    for picture in photographs(photos):
        width, height = (side // reduction * 20 // 21 for side in picture.size)
        spec = InputSpec(width, height, interpolation=interpolation, antialias=True, exact=False)
        data = encoded(picture, "JPEG", quality=85, subsampling=2)
        assert hold(differences(data, spec, reduction), SHARP[interpolation])


# Where a region begins within a block, its first samples show pixels outside of it.
ANYWHERE = {"bilinear": (3.5, 42.0), "lanczos": (4.5, 50.0)}


@pytest.mark.parametrize("interpolation", ANYWHERE)
@pytest.mark.parametrize("reduction", [8, 4, 2])
def test_sizes_and_regions_with_a_remainder(photos, interpolation, reduction):
    rng = np.random.default_rng(reduction)
    for picture in photographs(photos):
        size = [side - int(rng.integers(1, 8)) for side in picture.size]
        x, y, right, below = (int(n) for n in rng.integers(1, 40, 4))
        data = encoded(picture.crop((0, 0, *size)), "JPEG", quality=85, subsampling=2)
        for region in (None, (x, y, size[0] - x - right, size[1] - y - below)):
            width, height = (
                side * 20 // (21 * reduction) for side in (region or [0, 0, *size])[2:]
            )
            spec = InputSpec(
                width, height, interpolation=interpolation, antialias=True, exact=False
            )
            assert hold(differences(data, spec, reduction, region), ANYWHERE[interpolation])


@pytest.mark.parametrize(
    ("size", "interpolation", "bounds"),
    [
        ((224, 224), "bilinear", (1.0, 17.0)),
        ((455, 256), "bilinear", (1.5, 22.0)),
        ((455, 256), "bicubic", (1.75, 24.0)),
        ((455, 256), "lanczos", (1.75, 24.0)),
    ],
)
def test_1080p_at_a_quarter(jpegs_1080p, size, interpolation, bounds):
    spec = InputSpec(*size, interpolation=interpolation, antialias=True, exact=False)
    for data in jpegs_1080p:
        assert hold(differences(data, spec, 4), bounds)
