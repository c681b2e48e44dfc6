"""The target table: what each case is compared with, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Dict, List, Optional, Sequence

SIZES = ("480p", "720p", "1080p", "4K")


@dataclass(frozen=True)
class Target:
    """One line.

    Attributes:
        case: the case's key.
        ours: the contender that is ours.
        against: another contender, or a pattern, of which the fastest counts.
        least: `against` is to take at least so many times as long as ours.
        most: ours is to take at most so many times as long as `against`. With neither the line is
            for information.
        note: a remark.
        stretch: a goal beyond the target; not counted among the targets.
    """

    case: str
    ours: str
    against: str
    least: Optional[float] = None
    most: Optional[float] = None
    note: str = ""
    stretch: bool = False


@dataclass(frozen=True)
class Outcome:
    """A line with what was reached: `ratio` is None where one side is not available.

    `plain` is the ratio to a floor without prefetching, where the line is about a floor.
    """

    target: Target
    ratio: Optional[float]
    plain: Optional[float] = None

    @property
    def met(self) -> Optional[bool]:
        if self.ratio is None:
            return None
        if self.target.least is not None:
            return self.ratio >= self.target.least
        return None if self.target.most is None else self.ratio <= self.target.most


def outcomes(cases: Dict[str, Dict[str, Any]]) -> List[Outcome]:
    """Every line whose case was measured. `cases`: key -> contender -> {"cold": summary, ...}."""
    return [_outcome(line, cases[line.case]) for line in TABLE if line.case in cases]


def _outcome(line: Target, contenders: Dict[str, Any]) -> Outcome:
    plain = _ratio(line, contenders, "floor, plain") if line.against == "floor*" else None
    return Outcome(line, _ratio(line, contenders, line.against), plain)


def _ratio(line: Target, contenders: Dict[str, Any], against: str) -> Optional[float]:
    """Of medians, cold: ours over a floor, a peer over ours."""
    ours = contenders.get(line.ours)
    others = [row for name, row in contenders.items() if fnmatchcase(name, against)]
    if ours is None or not others:
        return None
    mine = ours["cold"]["median_us"]
    other = min(row["cold"]["median_us"] for row in others)
    return mine / other if line.most is not None else other / mine


def _peers(
    kind: str,
    against: str,
    limits: Sequence[Optional[float]],
    ours: str = "edgeclf",
    note: str = "",
) -> List[Target]:
    return [
        Target(f"{kind} {size}", ours, against, least=limit, note=note)
        for size, limit in zip(SIZES, limits)
    ]


def _floors(kind: str, limits: Sequence[Optional[float]]) -> List[Target]:
    return [
        Target(f"{kind} {size}", "edgeclf", "floor*", most=limit)
        for size, limit in zip(SIZES, limits)
        if limit is not None
    ]


NONE = (None,) * 4
AA, CUBIC = "antialiased bilinear", "antialiased bicubic"

TABLE: List[Target] = [
    *_peers("bilinear", "cv2 chain", (9, 5.5, 4.5, 2.8)),
    *_peers("bilinear", "cv2 tuned chain", NONE),
    *_peers("bilinear", "cv2 blob", (3.3, 2.2, 1.9, 1.4)),
    *_peers("bilinear", "kornia-rs", (None, None, 1.9, None)),
    *_floors("bilinear", (1.7, 1.25, 1.15, 1.1)),
    *_peers(AA, "Pillow", (23,) * 4),
    *_peers(AA, "Pillow, tuned", NONE),
    *_peers(AA, "torch", (4.7,) * 4),
    *_peers(AA, "pillow-simd", (None, 9, 9, None)),
    *_peers(AA, "pillow-simd, tuned", NONE),
    *_floors(AA, (2.1, 1.75, 1.5, 1.3)),
    Target(f"{AA} 1080p", "edgeclf", "floor*", most=1.25, stretch=True),
    *_peers(CUBIC, "Pillow", NONE),
    *_peers(CUBIC, "torch", NONE),
    *_peers(CUBIC, "pillow-simd", NONE),
    Target("nv12 bilinear 1080p", "edgeclf", "cv2 chain", least=11),
    Target("nv12 bilinear 1080p", "edgeclf", "cv2 tuned chain"),
    Target("nv12 bilinear 1080p", "edgeclf", "cvtColor+blob", least=8),
    Target("nv12 bilinear 1080p", "edgeclf", "floor*", most=1.3),
    Target("yuyv bilinear 720p", "edgeclf", "cv2 chain", least=9),
    Target("yuyv bilinear 720p", "edgeclf", "cv2 tuned chain"),
    Target("yuyv bilinear 720p", "edgeclf", "cvtColor+blob", least=5.5),
    Target("yuyv bilinear 720p", "edgeclf", "floor*", most=1.5),
    Target("nv12 antialiased 1080p", "edgeclf", "cvtColor+Pillow", least=30),
    Target("nv12 antialiased 1080p", "edgeclf", "cvtColor+torch"),
    Target("nv12 antialiased 1080p", "edgeclf", "floor*", most=2.1),
    Target("nv12 antialiased 1080p", "edgeclf", "floor*", most=1.5, stretch=True),
    *_peers("area", "cv2 chain", (9.5,) * 4),
    *_peers("area", "cv2 tuned chain", NONE),
    *_floors("area", (None, None, 1.35, 1.35)),
    *_peers("uint8", "cv2*", (2.7, None, 1.5, None), note="fastest of cv2's ways"),
    *_floors("uint8", (1.6, None, 1.1, None)),
    *_peers("int8", "cv2*", (2.7, None, 1.5, None), note="fastest of cv2's ways"),
    *_floors("int8", (1.6, None, 1.1, None)),
    Target("jpeg 1080p", "edgeclf", "cv2 full", least=2.3),
    Target("jpeg 1080p", "edgeclf", "cv2 REDUCED_4"),
    Target("jpeg 1080p", "edgeclf", "Pillow full", least=4.7),
    Target("jpeg 1080p", "edgeclf", "Pillow draft"),
    Target("jpeg 1080p", "edgeclf", "simplejpeg scaled"),
    Target("jpeg 1080p", "edgeclf", "entropy decode*", most=1.1, note="the faster bound"),
    *_peers(AA, "Pillow", (8,) * 4, "edgeclf exact"),
    *_peers(AA, "pillow-simd", (2,) * 4, "edgeclf exact"),
    *_peers(CUBIC, "Pillow", (8,) * 4, "edgeclf exact"),
    *_peers(CUBIC, "pillow-simd", (2,) * 4, "edgeclf exact"),
]
