"""Polynomial decay, as in torch's PolynomialLR and Caffe's `poly`."""

from __future__ import annotations

from dataclasses import dataclass

from basin.core.clock import Epochs
from basin.core.schedules import (
    PER,
    Stateless,
    check_choice,
    check_factors,
    check_length,
    check_positive,
    elapsed,
)


@dataclass(frozen=True, kw_only=True)
class Polynomial(Stateless):
    """floor + (1 - floor) (1 - t/T)^power, then floor."""

    epochs: Epochs  # T
    floor: float  # final factor, 0 or more
    power: float  # above 0; 1 is a line
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_factors(floor=self.floor)
        check_positive("power", self.power)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        left = max(0.0, 1 - elapsed(t, self.per) / self.epochs)
        return self.floor + (1 - self.floor) * left**self.power
