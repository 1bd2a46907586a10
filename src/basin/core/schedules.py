"""What pure schedules share: they have no state, and they move every step or once an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

from basin.core.protocols import Fitting, Schedule, TrainState

PER = ("step", "epoch")


class Stateless:
    """A schedule that is a function of t alone: nothing to look at, nothing to save."""

    def observe(self, state: TrainState) -> None:
        """Nothing to look at."""

    def state_dict(self) -> dict[str, Any]:
        """Empty: t is all there is."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to restore."""


def elapsed(t: float, per: str) -> float:
    """t as a schedule sees it: continuous `per` step, whole epochs completed `per` epoch."""
    return float(floor(t)) if per == "epoch" else t


def check_run(path: str, schedule: Schedule, epochs: float) -> None:
    """Raise ValueError, with the path before it, where a part would not act in a run so long."""
    if isinstance(schedule, Fitting):
        try:
            schedule.check_run(epochs)
        except ValueError as error:
            raise ValueError(f"{path}.{error}") from None


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError where a switch has a position that it lacks."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is not one of {', '.join(allowed)}")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError where a number is not in [low, high]; NaN never is."""
    if not low <= value <= high:
        raise ValueError(f"{name}={value} is not in [{low}, {high}]")


def check_length(name: str, epochs: float) -> None:
    """Raise ValueError where a length is not a finite number of epochs above 0."""
    if not 0 < epochs < float("inf"):
        raise ValueError(f"{name}={epochs} is not a length: give a finite number of epochs above 0")


def check_positive(name: str, value: float) -> None:
    """Raise ValueError where a number is not finite and above 0."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name}={value} is not a finite number above 0")


def check_factors(**factors: float) -> None:
    """Raise ValueError where a factor of a field's value is not finite and 0 or more."""
    for name, value in factors.items():
        if not 0 <= value < float("inf"):
            raise ValueError(
                f"{name}={value} is not a factor of 0 or more: divide the published value by the"
                " one that the field has, as in ${ratio:0.01,0.1}"
            )
