"""Ranges of hyper-parameters, checked where an optimizer is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite


def finite(**values: float) -> None:
    """Raise ValueError for a value that is not finite."""
    _check(values, "a finite number", lambda v: True)


def at_least_0(**values: float) -> None:
    """Raise ValueError for a value that is negative or not finite."""
    _check(values, "0 or more", lambda v: v >= 0)


def above_0(**values: float) -> None:
    """Raise ValueError for a value that is not above 0, or not finite."""
    _check(values, "above 0", lambda v: v > 0)


def at_least_1(**counts: int | None) -> None:
    """Raise ValueError for a count below 1; None is none."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name}={count} is less than 1")


def below_1(**values: float) -> None:
    """Raise ValueError for a coefficient outside [0, 1)."""
    _check(values, "0 or more and less than 1", lambda v: 0 <= v < 1)


def at_most_1(**values: float) -> None:
    """Raise ValueError for a share outside [0, 1]."""
    _check(values, "0 to 1", lambda v: 0 <= v <= 1)


def one_of(allowed: Sequence[str], **values: str) -> None:
    """Raise ValueError for a word that is not among those."""
    for name, value in values.items():
        if value not in allowed:
            raise ValueError(f"{name}={value!r} is not one of {', '.join(allowed)}")


def check_nesterov(nesterov: bool, momentum: float) -> None:
    """Raise ValueError for Nesterov's form of no momentum."""
    if nesterov and momentum == 0:
        raise ValueError(
            f"nesterov=true, momentum={momentum}: it needs a momentum above 0; else give"
            " nesterov=false"
        )


def _check(values: Mapping[str, float], allowed: str, holds: Callable[[float], bool]) -> None:
    for name, value in values.items():
        if not (isfinite(value) and holds(value)):
            raise ValueError(f"{name}={value} is not {allowed}")
