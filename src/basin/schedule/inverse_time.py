"""Inverse time decay, the baseline of eigencurve (Pan et al. 2022, arXiv:2110.14109)."""

from __future__ import annotations

from dataclasses import dataclass

from basin.core.clock import Epochs
from basin.core.schedules import (
    PER,
    Stateless,
    check_choice,
    check_length,
    check_positive,
    check_range,
    elapsed,
)


@dataclass(frozen=True, kw_only=True)
class InverseTime(Stateless):
    """1 / (1 + rate t), t counted in `every`; in the authors' code rate = lambda eta0 an update.

    Give `rate`, or `floor`: the factor at the run's last unit of time, t = epochs - every.
    """

    epochs: Epochs  # length of the run; for `floor`
    rate: float | None  # of each `every`, above 0
    floor: float | None  # in (0, 1]
    every: Epochs  # epochs; `1 step` for a rate of each update
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_length("every", self.every)
        check_choice("per", self.per, PER)
        if (self.rate is None) == (self.floor is None):
            raise ValueError(
                f"rate={self.rate}, floor={self.floor}: give one, leave the other null"
            )
        if self.rate is not None:
            check_positive("rate", self.rate)
        if self.floor is not None:
            check_positive("floor", self.floor)
            check_range("floor", self.floor, 0, 1)
            if self.every >= self.epochs:
                raise ValueError(f"every={self.every} is not shorter than epochs={self.epochs}")

    @property
    def slope(self) -> float:
        """The rate, of each `every`."""
        if self.floor is None:
            assert self.rate is not None
            return self.rate
        return (1 / self.floor - 1) / (self.epochs / self.every - 1)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        return 1 / (1 + self.slope * elapsed(t, self.per) / self.every)
