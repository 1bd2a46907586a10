"""Warm restarts (Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5; 2019, arXiv:1711.05101)."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from basin.core.clock import Clock, Epochs
from basin.core.schedules import Stateless, check_choice, check_length, check_range

FORM = ("ideal", "sgdr", "adamw")


@dataclass(frozen=True, kw_only=True)
class SGDR(Stateless):
    """floor + (1 - floor) (1 + cos(pi T_cur / T_i)) / 2; at T_i T_cur = 0 and T_{i+1} = T_mult T_i.

    form, for j the updates of the cycle before this one and n the updates of a pass:
    `ideal`: T_cur / T_i = j / (n T_i).
    `sgdr`: SGDR_WRNs.py, which moves the rate after each update by 1 / (T_i N / batch size), where
    N may be more than a pass draws; a cycle but the first begins with the last one's final rate.
    `adamw`: train.lua of AdamW, which moves it before each update: the first cycle is one ahead.
    """

    clock: Clock
    first_cycle: Epochs  # T_0, epochs
    multiplier: float  # T_mult, 1 or more
    floor: float  # eta_min / eta_max, in [0, 1]
    form: str  # ideal | sgdr | adamw
    examples: int | None  # N of form=sgdr; null: those that a pass draws

    def __post_init__(self) -> None:
        check_length("first_cycle", self.first_cycle)
        check_range("floor", self.floor, 0, 1)
        check_choice("form", self.form, FORM)
        if not 1 <= self.multiplier < float("inf"):
            raise ValueError(f"multiplier={self.multiplier} is less than 1: cycles do not shrink")
        if self.clock.steps(self.first_cycle) < 1:
            raise ValueError(f"first_cycle={self.first_cycle} epochs is less than one update")

    def cycle(self, t: float) -> tuple[int, float, float]:
        """Number of t's cycle from 0, updates of it before t, and its length in updates."""
        updates, length = self.clock.steps(t), self.clock.steps(self.first_cycle)
        if self.multiplier == 1:
            number, done = divmod(updates, length)
            return int(number), done, length
        number = 0
        while updates >= length:
            updates, length, number = updates - length, length * self.multiplier, number + 1
        return number, updates, length

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        number, done, length = self.cycle(t)
        phase = done / length
        if self.form == "adamw" and number == 0:
            phase = min(1.0, (done + 1) / length)
        if self.form == "sgdr":
            if done == 0 and number > 0:
                done = length = length / self.multiplier  # the cycle before, at its end
            phase = done / length * self._pace % 1
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * phase))

    @property
    def _pace(self) -> float:
        """Of the authors' clock: updates of a pass / (N / batch size)."""
        num = self.clock.examples if self.examples is None else self.examples
        return self.clock.steps_per_epoch / (num / self.clock.batch_size)
