"""Whether values from different sources agree, and belong together."""

from __future__ import annotations

from typing import AbstractSet, Any, Dict, Optional, Sequence, Tuple

from edgeclf.errors import ManifestError
from edgeclf.manifest import argument, normalisation
from edgeclf.manifest.base import Source
from edgeclf.manifest.names import short
from edgeclf.manifest.normalisation import same_value

__all__ = ["FROM_DEFAULT", "Choice", "refuse_contradictions", "refuse_mixtures"]

FROM_DEFAULT = "default"

# A value and its source. Defaults and the model's own facts have a source of that name.
Choice = Tuple[Any, Source]

# A value that was written for another: where it comes from one source and its base from another
# that differs, the pair was never meant.
_WRITTEN_FOR = (
    ("resize_size", "width"),
    ("resize_size", "height"),
    ("mean", "color_mode"),
    ("std", "color_mode"),
)


def refuse_contradictions(sources: Sequence[Source], model: str) -> None:
    """Two sources that state different values for one field, which no argument settles.

    Raises:
        ManifestError: names the field, both values and both sources.
    """
    given = [source for source in sources if source.name == argument.NAME]
    settled = {name for source in given for name in source.fields}
    homes = [source for source in sources if source.name != argument.NAME]
    for index, one in enumerate(homes):
        for other in homes[index + 1 :]:
            name = _contradiction(one, other, settled)
            if name is not None:
                raise ManifestError(
                    f"{model}: {name}: {one.name} says {short(one.fields[name])}, but "
                    f"{other.name} says {short(other.fields[name])}. Give {name} as an argument "
                    f"(spec={{{name!r}: ...}}), or delete one of the two"
                )


def _contradiction(one: Source, other: Source, settled: AbstractSet[str]) -> Optional[str]:
    ours, theirs = normalisation.formula_of(one), normalisation.formula_of(other)
    same = ours is not None and theirs is not None and normalisation.same_formula(ours, theirs)
    for name, value in one.fields.items():
        if name in settled or name not in other.fields:
            continue
        if same and name in normalisation.FIELDS:
            continue
        if not same_value(name, value, other.fields[name]):
            return name
    return None


def refuse_mixtures(chosen: Dict[str, Choice], model: str) -> None:
    """Values that were chosen from different sources, and are wrong beside each other.

    Changes `chosen` where a rescale_factor belongs to another way of writing the same formula.

    Raises:
        ManifestError: names the value, what it was written for, and what that is now.
    """
    for name, base in _WRITTEN_FOR:
        if name not in chosen or base not in chosen:
            continue
        (value, home), (now, other) = chosen[name], chosen[base]
        written = home.fields.get(base, home.conventions.get(base))
        if written in (None, now):
            continue
        if name != "resize_size" and len(value or ()) < 2:
            continue  # one value serves every channel order
        raise ManifestError(
            f"{model}: {name} {short(value)} comes from {home.name}, where {base} is "
            f"{written!r}; but {other.name} makes {base} {now!r}. Give {name} as an argument too"
        )
    _settle_normalisation(chosen, model)


def _settle_normalisation(chosen: Dict[str, Choice], model: str) -> None:
    trio = {name: chosen[name] for name in normalisation.FIELDS if name in chosen}
    found = normalisation.mixed(trio)
    if found is None:
        return
    name, source, home = found
    formula, same = normalisation.formula_of(source), normalisation.formula_of(home)
    if formula is not None and same is not None and normalisation.same_formula(formula, same):
        chosen["rescale_factor"] = (1.0, Source(FROM_DEFAULT))
        return
    raise ManifestError(
        f"{model}: rescale_factor {chosen['rescale_factor'][0]:.6g} comes from {home.name}, but "
        f"{name} {short(chosen[name][0])} from {source.name}: together they would be another "
        "formula. Give rescale_factor, mean and std together (rescale_factor 1 for a mean and "
        "std of pixels 0..255)"
    )
