"""Exponential decay: torch's ExponentialLR, and `exp` of Smith 2017 (arXiv:1506.01186, Table 1)."""

from __future__ import annotations

from dataclasses import dataclass

from basin.core.clock import Epochs
from basin.core.schedules import (
    PER,
    Stateless,
    check_choice,
    check_length,
    check_positive,
    elapsed,
)


@dataclass(frozen=True, kw_only=True)
class Exponential(Stateless):
    """gamma^(t / every)."""

    gamma: float  # factor of each `every`, above 0
    every: Epochs  # epochs; `1 step` for a gamma of each update
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_positive("gamma", self.gamma)
        check_length("every", self.every)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        return float(self.gamma ** (elapsed(t, self.per) / self.every))
