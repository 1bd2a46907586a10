"""Elastic step decay (Pan et al. 2022, arXiv:2110.14109), from memory and a docstring of a port."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log

from basin.core.clock import Epochs
from basin.core.schedules import PER, Stateless, check_choice, check_length, elapsed

EDGE = 1e-9
"""Of a drop, in drops: 1 - r^k in floating point may lie on either side of its value."""


@dataclass(frozen=True, kw_only=True)
class ElasticStep(Stateless):
    """gamma^k for t in [(1 - r^k) T, (1 - r^(k+1)) T): each constant piece is r times as long.

    Differs: the paper's text was not at hand; 0 from T on, where k has no end.
    """

    epochs: Epochs  # T
    ratio: float  # r, in (0, 1)
    gamma: float  # factor of one drop, in (0, 1); the paper's is 1/2
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_choice("per", self.per, PER)
        for name in ("ratio", "gamma"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is not between 0 and 1")

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        left = 1 - elapsed(t, self.per) / self.epochs
        if left <= 0:
            return 0.0
        return float(self.gamma ** floor(log(left) / log(self.ratio) + EDGE))
