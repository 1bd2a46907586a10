"""Ranges of hyper-parameters, checked where an optimizer is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def below_1(**values: float) -> None:
    """Raise ValueError for a coefficient outside [0, 1)."""
    _check(values, "0 or more and less than 1", lambda v: 0 <= v < 1)


def at_most_1(**values: float) -> None:
    """Raise ValueError for a share outside [0, 1]."""
    _check(values, "0 to 1", lambda v: 0 <= v <= 1)


def _check(values: Mapping[str, float], allowed: str, holds: Callable[[float], bool]) -> None:
    for name, value in values.items():
        if not (isfinite(value) and holds(value)):
            raise ValueError(f"{name}={value} is not {allowed}")
