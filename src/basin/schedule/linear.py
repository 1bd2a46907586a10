"""A line: `decay` of Smith 2017 (arXiv:1506.01186, Table 1) and the end of most fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from basin.core.clock import Epochs
from basin.core.schedules import PER, Stateless, check_choice, check_factors, check_length, elapsed


@dataclass(frozen=True, kw_only=True)
class Linear(Stateless):
    """1 -> floor on a line over `epochs`, then floor."""

    epochs: Epochs
    floor: float  # final factor, 0 or more
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_factors(floor=self.floor)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        return 1 + (self.floor - 1) * min(1.0, elapsed(t, self.per) / self.epochs)
