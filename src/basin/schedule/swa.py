"""The learning rate of stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407)."""

from __future__ import annotations

from dataclasses import dataclass

from basin.core.clock import Epochs
from basin.core.schedules import PER, Stateless, check_choice, check_length, check_range, elapsed

FIRST = (0, 1)


@dataclass(frozen=True, kw_only=True)
class SWA(Stateless):
    """1 until half of the horizon, then linearly to `floor` at 0.9 of it, and floor for ever.

    As the authors' code, whose epochs count from 0 and which sets the rate once an epoch.
    """

    horizon: Epochs  # S, epochs: where averaging begins; for a plain run its length
    floor: float  # final factor, in [0, 1]
    per: str  # step | epoch: t continuous, or whole epochs
    first_epoch: int  # 0 | 1: the number of the first epoch

    def __post_init__(self) -> None:
        check_length("horizon", self.horizon)
        check_range("floor", self.floor, 0, 1)
        check_choice("per", self.per, PER)
        if self.first_epoch not in FIRST:
            raise ValueError(f"first_epoch={self.first_epoch} is not 0 or 1")

    def check_run(self, epochs: float) -> None:
        """Raise ValueError where the rate would never begin to fall."""
        begin = 0.5 * self.horizon - self.first_epoch
        if begin >= epochs:
            raise ValueError(
                f"horizon={self.horizon:g}: the rate would begin to fall after {begin:g} epochs,"
                f" and the run has {epochs:g}; lower horizon, or raise epochs"
            )

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        passed = (elapsed(t, self.per) + self.first_epoch) / self.horizon
        if passed <= 0.5:
            return 1.0
        if passed <= 0.9:
            return 1 - (1 - self.floor) * (passed - 0.5) / 0.4
        return self.floor
