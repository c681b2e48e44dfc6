"""pillow-simd, which is the package PIL as well and so needs a process of its own.

Both processes rotate over the same pictures and both time the calibration kernel: the second one
right before each of its calls. Its times are brought to the first one's scale by the ratio of the
two calibrations' medians. Run as a script, this file is the second process.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

BENCHMARKS = Path(__file__).resolve().parent.parent


class SecondProcess:
    """A running second process with `count` frames made from the pictures in `base_file`.

    Raises:
        RuntimeError: `python` has another Pillow than pillow-simd.
    """

    def __init__(self, python: Path, base_file: Path, count: int):
        command = [str(python), str(Path(__file__).resolve()), str(base_file), str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = self._ask(("version",))
        if "post" not in self.version:
            self.close()
            raise RuntimeError(f"{python} has Pillow {self.version}, which is no pillow-simd")

    def contenders(self, case, tolerance) -> List[Any]:
        """The same two ways as in peers.pillow."""
        self._ask(("case", case))
        return [
            self._contender("pillow-simd", "resize_and_crop", tolerance),
            self._contender("pillow-simd, tuned", "resize_of_crop", tolerance),
        ]

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=60)

    def _contender(self, name: str, way: str, tolerance) -> Any:
        from lab.timing import Contender

        calibrations: List[int] = []

        def nanoseconds(index: int) -> int:
            taken, calibration = self._ask(("time", way, index))
            calibrations.append(calibration)
            return int(taken)

        return Contender(
            name,
            nanoseconds,
            lambda index: self._ask(("answer", way, index)),
            tolerance,
            lambda: float(np.median(calibrations)) / 1e3,
        )

    def _ask(self, question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(question, self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)


def serve(base_file: str, count: int) -> None:
    import PIL
    from lab import frames as pictures
    from lab.native import Calibration
    from lab.timing import clock, settle_allocator

    from peers import normalise, pillow

    frames = pictures.rotation(np.load(base_file), count)
    calibration = Calibration()
    settle_allocator()
    runs: Dict[str, Any] = {}
    while True:
        try:
            question, *rest = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        reply: Any = None
        if question == "version":
            reply = PIL.__version__
        elif question == "case":
            usual, tuned = normalise.usual(rest[0]), normalise.tuned(rest[0])
            runs["resize_and_crop"] = pillow.resize_and_crop(rest[0], usual)
            runs["resize_of_crop"] = pillow.resize_of_crop(rest[0], tuned)
        elif question == "answer":
            reply = np.array(runs[rest[0]](frames[rest[1]]))
        else:
            run, frame = runs[rest[0]], frames[rest[1]]
            calibration()
            calibrated = calibration()
            begin = clock()
            run(frame)
            reply = (clock() - begin, calibrated)
        pickle.dump(reply, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.path[0] = str(BENCHMARKS)
    serve(sys.argv[1], int(sys.argv[2]))
