"""Powers of the cosine (Pan et al. 2022, arXiv:2110.14109): root, cosine, square."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

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

POWER_OF = ("cosine", "rate")


@dataclass(frozen=True, kw_only=True)
class CosinePower(Stateless):
    """c = (1 + cos(pi t / T)) / 2 to a power, in one of two forms; the last value from T on.

    power_of: `cosine`, floor + (1 - floor) c^power (paper, unverified); `rate`, as the authors'
    code, which raises the absolute rate: (eta0 (floor + (1 - floor) c))^power. The second is the
    first only for eta0 = 1, floor = 0, as in their ImageNet runs.
    """

    base_value: float  # the field's value when built, eta0; only read by power_of=rate
    epochs: Epochs  # T
    floor: float  # final factor before the power acts on a rate, in [0, 1]
    power: float  # above 0
    power_of: str  # cosine | rate
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_range("floor", self.floor, 0, 1)
        check_positive("power", self.power)
        check_choice("power_of", self.power_of, POWER_OF)
        if self.power_of == "rate":
            check_positive("base_value", self.base_value)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        t = min(elapsed(t, self.per), self.epochs)
        c = 0.5 * (1 + cos(pi * t / self.epochs))
        if self.power_of == "cosine":
            return float(self.floor + (1 - self.floor) * c**self.power)
        rate = self.base_value * (self.floor + (1 - self.floor) * c)
        return float(rate**self.power / self.base_value)
