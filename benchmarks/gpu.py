"""A 1080p NV12 frame to the tensor on the GPU, against the floor and against the host's way.

    python benchmarks/gpu.py [--seconds 5] [--results FOLDER]

Contenders, called in turn in random order on frames that do not come again soon; each ends with the
device done, and is timed on the wall:

- edgeclf: from the frame's ordinary memory: rows copied into pinned memory, then the graph {upload,
  fused kernel} replayed
- edgeclf, staged: that graph alone, of a frame in pinned memory
- floor: upload of as many bytes, and an empty kernel; as a graph and plain: the faster one counts
- floor with copy: a plain copy of as many bytes into pinned memory first
- host: edgeclf's preprocessing on one core into pinned memory, then upload of the tensor

Each answer is compared with float64 first. The target is staged within 1.5 times the floor. Where
the GPU reads the host's memory itself (Jetson), nothing is uploaded: the floor is the kernel alone.
Over 200 lines because the contenders share one device's memory.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import machine
import numpy as np
from lab import frames as pictures
from lab import reference
from lab.case import ROOT, Case, center_crop, stretch

sys.path.append(str(ROOT / "tests" / "gpu"))

import report

from edgeclf.cuda import DeviceTensor, open_cuda
from edgeclf.cuda.nvrtc import find_nvrtc
from edgeclf.cuda.path import CudaPath
from edgeclf.cuda.preprocess import CudaPreprocessor
from edgeclf.errors import BackendUnavailable
from edgeclf.frame import Frame
from edgeclf.preprocess import Preprocessor

TARGET = 1.5
HOST_TOLERANCE = reference.Tolerance("resample_first", 0.1)
TOLERANCE = reference.Tolerance("resample_first", 0.01)
FLOOR_NAME = "edgeclf_floor"
FLOOR_SOURCE = f'extern "C" __global__ void {FLOOR_NAME}(unsigned long long) {{}}'


class Contender(NamedTuple):
    """`run(i)` does frame i, and waits; `answer` gives its tensor, or None for a floor."""

    name: str
    run: Callable[[int], None]
    answer: Optional[Callable[[], np.ndarray]] = None
    tolerance: reference.Tolerance = TOLERANCE


class Waiting:
    """A request without inference: what is left is the way to its input."""

    can_capture = True

    def __init__(self, target: DeviceTensor):
        self.device_input = target

    def enqueue(self) -> None:
        pass

    def finish(self) -> tuple:
        self.device_input.stream.synchronize()
        return ()


def cases(width: int = 1920, height: int = 1080) -> List[Case]:
    key = f"nv12 {height}p"
    return [
        stretch(f"{key} bilinear", width, height, format="nv12", antialias=False),
        center_crop(f"{key} antialiased", width, height, format="nv12", antialias=True),
    ]


class Bench:
    """The contenders of one case on one device; holds their memory."""

    def __init__(self, cuda: Any, case: Case, count: int, image: Optional[bytes] = None):
        self.cuda, self.case = cuda, case
        base = np.stack([pictures.nv12(p) for p in pictures.base_pictures(case.width, case.height)])
        self.raw = pictures.rotation(base, count)
        size = {"width": case.width, "height": case.height}
        self.frames = [Frame(raw.reshape(-1), "nv12", **size) for raw in self.raw]
        self.preprocessor = CudaPreprocessor(cuda, case.spec, image=image)
        self.floor = cuda.load_module(image or _floor_image(cuda)).function(FLOOR_NAME)
        self.contenders = [self._edgeclf(), *self._staged_and_floors(), self._host()]

    def check(self) -> Dict[str, Dict[str, float]]:
        """Each contender's errors in levels; AssertionError where they are beyond its tolerance."""
        errors = {}
        for contender in self.contenders:
            for index in (1, 2, 0):  # the graph was recorded by the third
                contender.run(index)
            if contender.answer is not None:
                references = reference.of_yuv(self.case, self.raw[0])
                found = references.check(contender.name, contender.answer(), contender.tolerance)
                errors[contender.name] = found
        return errors

    def measure(
        self, seconds: float, least: int = 200, most: int = 20000
    ) -> Dict[str, List[float]]:
        """Seconds of each call, by contender."""
        times: Dict[str, List[float]] = {contender.name: [] for contender in self.contenders}
        rng, begin, number = np.random.default_rng(0), time.perf_counter(), 0
        while number < most and (number < least or time.perf_counter() - begin < seconds):
            for which in rng.permutation(len(self.contenders)):
                contender = self.contenders[which]
                before = time.perf_counter()
                contender.run(number % len(self.frames))
                times[contender.name].append(time.perf_counter() - before)
            number += 1
        return times

    def _target(self) -> DeviceTensor:
        spec = self.case.spec
        nbytes = int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize
        memory = self.cuda.allocate(nbytes)
        return DeviceTensor(memory.pointer, spec.shape, spec.dtype, self.cuda.stream(), memory)

    def _edgeclf(self) -> Contender:
        target = self._target()
        path, request = CudaPath(self.cuda, self.preprocessor), Waiting(target)
        self.path = path

        def run(index: int) -> None:
            path.run(self.frames[index], request)

        return Contender("edgeclf", run, lambda: self._read(target))

    def _staged_and_floors(self) -> List[Contender]:
        target = self._target()
        stream = target.stream
        prepared = self.preprocessor.prepare(self.frames[0], target)
        self.upload_bytes = nbytes = prepared.upload_bytes
        host = self.cuda.allocate_host(max(nbytes, 1))
        host.array[:] = np.arange(host.nbytes, dtype=np.uint32).astype(np.uint8)
        device = self.cuda.allocate(max(nbytes, 1))
        source = self.raw.reshape(len(self.raw), -1)
        copy_bytes = min(nbytes, source.shape[1])  # staged rows may have gaps between them

        def floor() -> None:
            if nbytes:
                self.cuda.upload(device.pointer, host.pointer, nbytes, stream)
            address = np.uint64(device.pointer)
            self.cuda.launch(self.floor, (1, 1, 1), (32, 1, 1), [address], stream)

        def copied(index: int) -> None:
            host.array[:copy_bytes] = source[index, :copy_bytes]

        staged_once = self._recorded(lambda: self.preprocessor.enqueue(prepared), stream)
        floor_once = self._recorded(floor, stream)

        def once(work: Callable[[], None], first: Any = None) -> Callable[[int], None]:
            def run(index: int) -> None:
                if first:
                    first(index)
                work()
                stream.synchronize()

            return run

        once(floor)(0)
        if nbytes:
            np.testing.assert_array_equal(self._bytes(device.pointer, nbytes, stream), host.array)
        return [
            Contender("edgeclf, staged", once(staged_once), lambda: self._read(target)),
            Contender("floor, graph", once(floor_once)),
            Contender("floor, plain", once(floor)),
            Contender("floor with copy", once(floor_once, copied)),
        ]

    def _host(self) -> Contender:
        host, target = Preprocessor(self.case.spec), self._target()
        memory = self.cuda.allocate_host(target.nbytes)
        tensor = memory.array.view(target.dtype).reshape(target.shape)

        def run(index: int) -> None:
            host(self.frames[index], out=tensor)
            self.cuda.upload(target.pointer, memory.pointer, target.nbytes, target.stream)
            target.stream.synchronize()

        return Contender("host", run, lambda: self._read(target), HOST_TOLERANCE)

    def _recorded(self, enqueue: Callable[[], None], stream: Any) -> Callable[[], None]:
        """One call for all of `enqueue`, where there are graphs."""
        if not self.cuda.can_capture:
            return enqueue
        self.cuda.begin_capture(stream)
        enqueue()
        graph = self.cuda.end_capture(stream)
        return lambda: graph.launch(stream)

    def _read(self, target: DeviceTensor) -> np.ndarray:
        raw = self._bytes(target.pointer, target.nbytes, target.stream)
        return raw.view(target.dtype).reshape(target.shape)

    def _bytes(self, pointer: int, nbytes: int, stream: Any) -> np.ndarray:
        host = self.cuda.allocate_host(nbytes)
        self.cuda.download(host.pointer, pointer, nbytes, stream)
        stream.synchronize()
        return host.array.copy()


def result_of(
    bench: Bench, errors: Dict[str, Any], times: Dict[str, List[float]]
) -> Dict[str, Any]:
    rows = {name: report.percentiles(seconds) for name, seconds in times.items()}
    p50 = {name: row["p50"] for name, row in rows.items()}
    ratio = p50["edgeclf, staged"] / min(p50["floor, graph"], p50["floor, plain"])
    return {
        "microseconds": rows,
        "errors_levels": errors,
        "upload_bytes": bench.upload_bytes,
        "frames": len(bench.frames),
        "graphs": bench.path.counts._asdict(),
        "staged_to_floor": ratio,
        "target": TARGET,
        "met": ratio <= TARGET,
        "edgeclf_to_floor_with_copy": p50["edgeclf"] / p50["floor with copy"],
        "host_to_edgeclf": p50["host"] / p50["edgeclf"],
    }


def _floor_image(cuda: Any) -> bytes:
    facts = cuda.facts
    compiler = find_nvrtc(facts.driver_version)
    return compiler.compile(FLOOR_SOURCE, facts.compute_capability).content


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="for each case")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    try:
        cuda = open_cuda(0)
    except BackendUnavailable as exc:
        print(f"No GPU here, nothing was measured: {exc}")
        return 0
    document = {"device": report.describe(cuda), "machine": machine.describe(), "cases": {}}
    for case in cases():
        bench = Bench(cuda, case, count=50)  # 155 MB of frames
        found = result_of(bench, bench.check(), bench.measure(options.seconds))
        document["cases"][case.key] = found
        print(f"{case.key}: {found['staged_to_floor']:.2f} times the floor")
    name = re.sub(r"[^a-z0-9]+", "-", cuda.facts.name.lower()).strip("-")
    path = options.results / f"gpu-{name}-{document['machine']['date']}-preprocess.json"
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
