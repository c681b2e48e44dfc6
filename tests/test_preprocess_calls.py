"""Calling a Preprocessor: regions, rotations, strides, `out`, errors, threads, pickling.

Over 300 lines: one call, and every argument it takes.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracle
import pytest
from PIL import Image
from test_preprocess import picture

from edgeclf.errors import ArgumentError, FrameError, SpecMismatch
from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor
from edgeclf.spec import InputSpec
from edgeclf.types import Quantization

SPEC = InputSpec(31, 22, mean=127.5, std=127.5)
TURNED = {0: None, 90: Image.ROTATE_270, 180: Image.ROTATE_180, 270: Image.ROTATE_90}


def turned(rgb, degrees):
    """Clockwise, by Pillow, whose own names count the other way round."""
    if TURNED[degrees % 360] is None:
        return rgb
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).transpose(TURNED[degrees % 360]))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 360, 450, -90, -180, -630])
@pytest.mark.parametrize("region", [None, (0, 0, 60, 45), (7, 3, 41, 29), (59, 44, 1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_region_then_clockwise_rotation(degrees, region, channels):
    rgb = picture(60, 45, channels)
    x, y, width, height = region or (0, 0, 60, 45)
    expected = oracle.tensor(turned(rgb[y : y + height, x : x + width], degrees), SPEC)
    preprocessor = Preprocessor(SPEC, frame_format="rgb")
    got = preprocessor(rgb, region_of_interest=region, rotation_degrees=degrees)
    np.testing.assert_array_equal(got, expected)


def test_numpy_integers_are_whole_numbers():
    rgb = picture(60, 45)
    preprocessor = Preprocessor(SPEC, frame_format="rgb")
    region = np.array([7, 3, 41, 29])
    got = preprocessor(rgb, region_of_interest=region, rotation_degrees=np.int64(90))
    np.testing.assert_array_equal(got, oracle.tensor(turned(rgb[3:32, 7:48], 90), SPEC))


def strided_views():
    base = picture(130, 110, 4)
    padded = np.zeros((50, 256), np.uint8)
    padded[:, :180] = picture(60, 50).reshape(50, 180)
    planar = np.moveaxis(picture(60, 50), -1, 0).copy()
    read_only = picture(60, 50)
    read_only.flags.writeable = False
    return {
        "flipped down": picture(60, 50)[::-1],
        "flipped across": picture(60, 50)[:, ::-1],
        "flipped both ways": picture(60, 50)[::-1, ::-1],
        "channels reversed": picture(60, 50)[:, :, ::-1],
        "every second pixel": base[::2, ::2, :3],
        "every third, backwards": base[::-3, ::-3, 2::-1],
        "the last three of four bytes": base[5:55, 3:63, 1:],
        "the first three of four bytes": base[5:55, 3:63, :3],
        "bytes apart": base[:50, :60, ::2][:, :, [0, 1, 1]],
        "padded rows": np.lib.stride_tricks.as_strided(padded, (50, 60, 3), (256, 3, 1)),
        "planar": np.moveaxis(planar, 0, -1),
        "transposed": picture(50, 60).transpose(1, 0, 2),
        "read-only": read_only,
        "Fortran order": np.asfortranarray(picture(60, 50)),
        "one row for all": np.broadcast_to(picture(60, 1), (50, 60, 3)),
        "grey, every second": base[::2, ::2, 1],
    }


@pytest.mark.parametrize("name", sorted(strided_views()))
@pytest.mark.parametrize("color_mode", ["rgb", "gray"])
@pytest.mark.parametrize("exact", [None, False])
def test_strides(name, color_mode, exact):
    rgb = strided_views()[name]
    spec = InputSpec(31, 22, dtype="uint8", color_mode=color_mode, exact=exact)
    expected = oracle.tensor(np.ascontiguousarray(rgb), spec)
    for degrees in (0, 90, 180, 270):
        got = Preprocessor(spec, frame_format="rgb")(rgb, rotation_degrees=degrees)
        if degrees:
            expected = oracle.tensor(turned(rgb, degrees), spec)
        assert np.abs(got.astype(int) - expected).max() <= (0 if exact is None else 1)


def test_a_flat_buffer_with_padded_rows():
    rgb = picture(20, 10)
    rows = np.zeros((10, 64), np.uint8)
    rows[:, :60] = rgb.reshape(10, 60)
    frame = Frame(rows.tobytes(), "rgb", width=20, height=10, strides=(64,))
    np.testing.assert_array_equal(Preprocessor(SPEC)(frame), oracle.tensor(rgb, SPEC))


def test_out_is_filled_and_returned():
    rgb = picture(60, 45)
    preprocessor = Preprocessor(SPEC, frame_format="rgb")
    out = np.full(preprocessor.shape, np.nan, preprocessor.dtype)
    assert preprocessor(rgb, out) is out
    np.testing.assert_array_equal(out, oracle.tensor(rgb, SPEC))


def test_write_fills_one_item_of_a_batch_and_no_other():
    rgb = picture(60, 45)
    batch = np.full((3, *SPEC.shape[1:]), -9.0, np.float32)
    Preprocessor(SPEC).write(Frame(rgb, "rgb"), batch[1])
    np.testing.assert_array_equal(batch[1:2], oracle.tensor(rgb, SPEC))
    assert (batch[[0, 2]] == -9.0).all()


def unaligned():
    memory = np.zeros(4 * 3 * 22 * 31 + 1, np.uint8)
    return memory[1:].view(np.float32).reshape(SPEC.shape)


def read_only():
    out = np.empty(SPEC.shape, np.float32)
    out.flags.writeable = False
    return out


BAD_OUT = {
    "shape": (lambda: np.empty((1, 3, 31, 22), np.float32), r"shape \(1, 3, 22, 31\)"),
    "no batch": (lambda: np.empty((3, 22, 31), np.float32), r"shape \(1, 3, 22, 31\)"),
    "dtype": (lambda: np.empty(SPEC.shape, np.float64), "float32.*got float64"),
    "list": (lambda: [1.0], "got list"),
    "byte order": (lambda: np.empty(SPEC.shape, ">f4" if sys.byteorder == "little" else "<f4"),
                   "native byte order"),
    "strides": (lambda: np.empty((1, 3, 22, 62), np.float32)[..., ::2], "not C-contiguous"),
    "read-only": (read_only, "read-only"),
    "unaligned": (unaligned, "not aligned"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BAD_OUT))
def test_bad_out_is_refused(name):
    make, message = BAD_OUT[name]
    with pytest.raises(FrameError, match=message):
        Preprocessor(SPEC)(picture(60, 45), make())


def test_out_must_not_overlap_the_frame():
    memory = np.zeros(3 * 64 * 64 + 3 * 32 * 32, np.uint8)
    frame = memory[: 3 * 64 * 64].reshape(64, 64, 3)
    preprocessor = Preprocessor(InputSpec(32, 32, dtype="uint8"))
    last = 3 * 64 * 64 - 1
    for view in (frame, frame[::-1], frame[:, ::-1, ::-1]):
        with pytest.raises(FrameError, match="overlaps"):
            preprocessor(view, memory[last : last + 3072].reshape(1, 3, 32, 32))
        preprocessor(view, memory[last + 1 : last + 3073].reshape(1, 3, 32, 32))


@pytest.mark.parametrize(
    "region",
    [(0, 0, 61, 45), (-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5, 0), (60, 0, 1, 1), (0, 45, 1, 1),
     (0, 0, 2**31, 5), (2**31 - 1, 0, 2**31 - 1, 1), (0, 0, 2**70, 1), (0, 0, -5, 5)],
)  # fmt: skip
def test_a_region_outside_the_frame_is_refused(region):
    with pytest.raises(FrameError, match="region_of_interest"):
        Preprocessor(SPEC)(picture(60, 45), region_of_interest=region)


@pytest.mark.parametrize("region", [(0.0, 0, 5, 5), (1, 2, 3), "abcd", 5, (None, 0, 1, 1)])
def test_a_region_that_is_none_is_refused(region):
    with pytest.raises(FrameError, match="whole pixels"):
        Preprocessor(SPEC)(picture(60, 45), region_of_interest=region)


@pytest.mark.parametrize("degrees", [45, 1, 90.0, "90", None, True])
def test_a_rotation_that_is_no_quarter_turn_is_refused(degrees):
    with pytest.raises(ArgumentError, match="multiple of 90"):
        Preprocessor(SPEC)(picture(60, 45), rotation_degrees=degrees)


def test_a_frame_changed_behind_our_back_is_checked_again():
    frame = Frame(picture(60, 45))
    frame.data = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(FrameError, match="uint8"):
        Preprocessor(SPEC)(frame)
    frame.data = np.zeros((4, 4, 2), np.uint8)
    with pytest.raises(FrameError, match="HxWxC"):
        Preprocessor(SPEC)(frame)
    frame.data = np.zeros((4, 4, 3), np.uint8)  # smaller than the width and height it says
    with pytest.raises(FrameError, match="region_of_interest"):
        Preprocessor(SPEC)(frame)


@pytest.mark.parametrize("shape", [(45, 60), (45, 60, 1), (45, 60, 3), (45, 60, 4), (1, 1, 3)])
@pytest.mark.parametrize("rotation_degrees", [0, 90])
def test_arrays_are_what_their_frames_are(shape, rotation_degrees):
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    preprocessor = Preprocessor(SPEC)
    expected, found = (np.full(SPEC.shape, np.nan, np.float32) for _ in range(2))
    frame = preprocessor.frame_of(array)
    preprocessor.write(frame, expected, None, rotation_degrees)
    assert preprocessor.write_from(array, found, None, rotation_degrees) is None
    np.testing.assert_array_equal(found, expected)


def test_out_is_checked_before_anything_is_decoded():
    with pytest.raises(FrameError, match="out: expected"):
        Preprocessor(SPEC)(b"no picture", out=np.empty((1, 2), np.float32))


def test_a_frames_timestamp_comes_back():
    frame = Frame(picture(60, 45), timestamp_ns=17)
    assert Preprocessor(SPEC).write_from(frame, np.empty(SPEC.shape, np.float32)) == 17


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((45, 60, 3), np.float32),
        np.zeros((45, 60, 3), np.int8),
        np.zeros((45, 60, 2), np.uint8),
        np.zeros((45, 60, 5), np.uint8),
        np.zeros((0, 60, 3), np.uint8),
        np.zeros((45, 0), np.uint8),
        np.broadcast_to(np.uint8(0), (1, 65536)),
        np.zeros(60, np.uint8),
        np.uint8(3).reshape(()),
        np.zeros((1, 45, 60, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}-{'x'.join(map(str, array.shape))}",
)
def test_arrays_that_are_no_pictures_are_refused_as_their_frames_are(array):
    preprocessor = Preprocessor(SPEC)
    with pytest.raises(FrameError) as of_frame:
        preprocessor.frame_of(array)
    with pytest.raises(FrameError) as of_array:
        preprocessor(array)
    assert str(of_array.value) == str(of_frame.value)


def test_frame_format():
    rgb = picture(60, 45)
    np.testing.assert_array_equal(Preprocessor(SPEC)(rgb[:, :, ::-1]), oracle.tensor(rgb, SPEC))
    with pytest.raises(ArgumentError, match="frame_format"):
        Preprocessor(SPEC, frame_format="yuv")


def test_pickled():
    spec = InputSpec(31, 22, dtype="int8", mean=127.5, std=60.0)
    first = Preprocessor(spec, Quantization(0.02, -3), frame_format="rgb")
    second = pickle.loads(pickle.dumps(first))
    assert second.input_spec == spec
    assert second.shape == first.shape
    rgb = picture(60, 45)
    expected = oracle.tensor(rgb, spec, Quantization(0.02, -3))
    np.testing.assert_array_equal(second(rgb), expected)


def test_a_size_is_planned_once_and_sixteen_are_kept():
    preprocessor = Preprocessor(SPEC, frame_format="rgb")
    core = preprocessor._core
    for _ in range(5):
        preprocessor(picture(60, 45))
        preprocessor(picture(45, 60), rotation_degrees=90)
        preprocessor(picture(90, 90), region_of_interest=(5, 5, 60, 45))
    assert core.plans_made == 1
    for width in range(1, 40):
        preprocessor(picture(width, 45))
        preprocessor(picture(60, 45))
    assert core.plans_kept == 16
    assert core.plans_made == 40  # the one in use was never thrown out


def test_many_threads_get_their_own_answers():
    preprocessor = Preprocessor(SPEC, frame_format="rgb")
    frames = [picture(20 + n, 90 - n, seed=n) for n in range(30)]
    expected = [oracle.tensor(frame, SPEC) for frame in frames]

    def check(n):
        np.testing.assert_array_equal(preprocessor(frames[n % 30]), expected[n % 30])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(1500)))


def test_the_gil_is_released():
    """Another thread counts on while one call works for a while."""
    spec = InputSpec(2000, 2000, interpolation="lanczos")
    preprocessor = Preprocessor(spec)
    frame, out = picture(3000, 3000), np.empty(spec.shape, np.float32)
    switch = sys.getswitchinterval()
    ticks, running = [], threading.Event()

    def count():
        running.set()
        while running.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0)

    counter = threading.Thread(target=count)
    sys.setswitchinterval(1000)  # nobody is made to yield: what runs, runs without the GIL
    try:
        counter.start()
        running.wait()
        begin = time.perf_counter()
        preprocessor._core.run(frame, "bgr", out, 0, 0, 0, 3000, 3000)
        end = time.perf_counter()
    finally:
        running.clear()
        counter.join()
        sys.setswitchinterval(switch)
    middle = [t for t in ticks if begin + 0.2 * (end - begin) < t < end - 0.2 * (end - begin)]
    assert middle, "no other thread ran while the core was working"


def test_a_batch_is_its_frames_one_after_the_other():
    frames = [picture(60, 45), Frame(picture(33, 71, 1), "gray"), picture(500, 400)]
    expected = np.concatenate([oracle.tensor(oracle_pixels(f), SPEC) for f in frames])
    preprocessor = Preprocessor(SPEC, frame_format="rgb")
    np.testing.assert_array_equal(preprocessor.batch(frames), expected)
    out = np.zeros(expected.shape, np.float32)
    assert preprocessor.batch(frames, out) is out
    np.testing.assert_array_equal(out, expected)


def oracle_pixels(frame):
    return frame if isinstance(frame, np.ndarray) else np.repeat(frame.data[:, :, None], 3, axis=2)


def test_a_batch_of_nothing_or_into_another_shape_is_an_error():
    preprocessor = Preprocessor(SPEC)
    with pytest.raises(FrameError, match="at least one frame"):
        preprocessor.batch([])
    with pytest.raises(FrameError, match=r"shape \(2, 3, 22, 31\), got \(1, 3, 22, 31\)"):
        preprocessor.batch([picture(9, 9)] * 2, np.empty((1, 3, 22, 31), np.float32))


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_give_the_same_tensor(threads):
    spec = InputSpec(224, 224, resize_mode="letterbox", mean=127.5, std=127.5)
    rgb = picture(700, 500)
    preprocessor = pickle.loads(
        pickle.dumps(Preprocessor(spec, frame_format="rgb", num_threads=threads))
    )
    expected = oracle.tensor(rgb, spec)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: preprocessor(rgb), range(12)):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("threads", [0, -1, 65, 1.5, True, "2", None])
def test_a_number_of_threads_that_cannot_be(threads):
    with pytest.raises(ArgumentError, match="num_threads: expected 1 to 64"):
        Preprocessor(SPEC, num_threads=threads)


def test_numpy_numbers_and_generators_are_fine():
    preprocessor = Preprocessor(SPEC, num_threads=np.int64(2))
    frames = [picture(9, 9), picture(8, 7)]
    np.testing.assert_array_equal(preprocessor.batch(f for f in frames), preprocessor.batch(frames))


def test_grey_shown_as_colour_is_not_read_beyond_its_end():
    gray = picture(60, 45, 1)
    shown = np.broadcast_to(gray[:, :, None], (45, 60, 3))
    for exact in (None, False):
        spec = InputSpec(31, 22, exact=exact)
        got = Preprocessor(spec)(shown)
        np.testing.assert_array_equal(got, Preprocessor(spec)(np.ascontiguousarray(shown)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_works_alone_and_ends():
    program = """
import os, sys
import numpy as np
from edgeclf import InputSpec, Preprocessor

preprocessor = Preprocessor(InputSpec(64, 64), num_threads=3)
frame = np.arange(200 * 300 * 3, dtype=np.uint8).reshape(200, 300, 3)
expected = preprocessor(frame)
child = os.fork()
if child == 0:
    sys.exit(0 if np.array_equal(preprocessor(frame), expected) else 1)
sys.exit(os.waitpid(child, 0)[1] >> 8)
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("fields", "scale"),
    [
        ({"std": 1e-40}, None),
        ({"rescale_factor": 1e37}, None),
        ({"mean": 1e38}, None),
        ({"mean": 1.0, "dtype": "uint8"}, 1e-40),
    ],
)
def test_a_normalisation_that_float32_cannot_hold(fields, scale):
    quantization = None if scale is None else Quantization(scale, 0)
    with pytest.raises(SpecMismatch, match="make a factor of"):
        Preprocessor(InputSpec(4, 4, **fields), quantization)
