"""Optimisation profiles: the ranges of shapes that an engine was built for."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

from edgeclf.backends.tensorrt_api import EngineApi, Shape
from edgeclf.errors import ArgumentError, SpecMismatch
from edgeclf.types import TensorInfo

__all__ = ["Profile", "choose", "profiles_of", "simultaneous"]


class Profile(NamedTuple):
    """The input's smallest, best and largest shape; `number` is the engine's."""

    number: int
    smallest: Shape
    best: Shape
    largest: Shape


def profiles_of(
    engine: EngineApi, input: TensorInfo, wanted: Optional[int], model: str
) -> Tuple[Profile, ...]:
    """All profiles of an engine, or the one `wanted`; of a fixed shape, that shape as one.

    Raises:
        ArgumentError: there is no profile `wanted`.
    """
    if wanted is not None and wanted >= engine.profiles:
        raise ArgumentError(
            f"profile: {model} has {engine.profiles}, numbered from 0; got {wanted}"
        )
    if None not in input.shape:
        shape = tuple(n for n in input.shape if n is not None)
        return (Profile(0, shape, shape, shape),)
    numbers = range(engine.profiles) if wanted is None else (wanted,)
    return tuple(Profile(n, *engine.profile_shapes(input.name, n)) for n in numbers)


def choose(profiles: Sequence[Profile], shape: Shape, model: str) -> List[Profile]:
    """The profiles that hold `shape`, the one tuned for the nearest shape first.

    Raises:
        SpecMismatch: none does; says what each of them holds.
    """
    fitting = [p for p in profiles if _holds(p, shape)]
    if fitting:
        return sorted(fitting, key=lambda p: (_distance(p.best, shape), p.number))
    ranges = "; ".join(f"profile {p.number}: {_range(p)}" for p in profiles)
    raise SpecMismatch(
        f"{model}: expected an input that the engine was built for ({ranges}), got {_dims(shape)}. "
        f"Use batches of that size, or rebuild it: edgeclf build MODEL.onnx --batch "
        f"1,{shape[0]},{shape[0]} -o X.engine"
    )


def simultaneous(profiles: Sequence[Profile]) -> int:
    """How many shapes may be in use at once, whichever they are, with one context for each
    profile."""
    ranges = {(p.smallest, p.largest) for p in profiles}
    return len(profiles) if len(ranges) == 1 else 1


def _holds(profile: Profile, shape: Shape) -> bool:
    return len(profile.smallest) == len(shape) and all(
        low <= n <= high for low, n, high in zip(profile.smallest, shape, profile.largest)
    )


def _distance(best: Shape, shape: Shape) -> int:
    return sum(abs(a - b) for a, b in zip(best, shape))


def _range(profile: Profile) -> str:
    if profile.smallest[1:] == profile.largest[1:]:
        return f"batches of {profile.smallest[0]} to {profile.largest[0]}"
    return f"{_dims(profile.smallest)} to {_dims(profile.largest)}"


def _dims(shape: Shape) -> str:
    return "x".join(str(n) for n in shape)
