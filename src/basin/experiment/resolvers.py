"""What configurations may compute, in `${name:...}`."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

ROUNDING = 1e-9
"""Of a length: what a sum of cycles may be beyond the end that it is."""


def register_resolvers() -> None:
    """Make `ratio` (a / b), `share` (a b), `twice` and `cycle_ends` known; safe to call again."""
    OmegaConf.register_new_resolver("ratio", lambda a, b: float(a) / float(b), replace=True)
    OmegaConf.register_new_resolver("share", share, replace=True)
    OmegaConf.register_new_resolver("twice", twice, replace=True)
    OmegaConf.register_new_resolver("cycle_ends", cycle_ends, replace=True)


def share(part: Any, whole: Any) -> float:
    """`${share:0.75,${epochs}}`: a part of a length in epochs."""
    try:
        return float(part) * float(whole)
    except ValueError:
        raise ValueError(
            f"{part} of epochs={whole}: these stages are parts of the epochs of the run, which are"
            " then to be a number; or give the epochs of each stage"
        ) from None


def cycle_ends(first: Any, multiplier: Any, epochs: Any) -> list[Any] | None:
    """Ends, up to `epochs`, of cycles of first, first multiplier, ... in the unit of both lengths.

    null where there are no cycles, or the two have different units.
    """
    (length, unit), (total, other) = _measured(first), _measured(epochs)
    if unit != other or not isinstance(multiplier, int | float) or not 0 < length <= total:
        return None
    ends, end = [], 0.0
    while multiplier >= 1 and (end := end + length) <= total * (1 + ROUNDING):
        ends.append(f"{_whole(end)} {unit}s" if unit else _whole(end))
        length *= multiplier
    return ends


def _whole(number: float) -> float:
    """As an integer where it is one, so that it is written without a fraction or an exponent."""
    return int(number) if number == int(number) else number


def _measured(length: Any) -> tuple[float, str]:
    """A duration's number and unit; 0 of what is none."""
    number, _, unit = str(length).strip().partition(" ")
    try:
        return float(number), unit.strip().rstrip("s")
    except ValueError:
        return 0.0, ""


def twice(length: Any) -> Any:
    """Of a duration, a number or such as `500 steps`; null of null."""
    if isinstance(length, str):
        number, _, unit = length.strip().partition(" ")
        return f"{_whole(2 * float(number))} {unit}"
    return None if length is None else 2 * length
