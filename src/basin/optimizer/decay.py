"""Weight decay: in the gradient or beside it, and normalised by the length of a cycle.

Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization" (arXiv:1711.05101).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from basin.core.clock import Clock
from basin.optimizer.ranges import finite

DECAYS = ("coupled", "lr", "multiplier")


def decay_fields(weight_decay: float, decay: str, cycle_epochs: float | None) -> dict[str, Any]:
    """Fields of a param group: the weight decay, and whether it is no L2 term of a loss."""
    return {
        "weight_decay": weight_decay,
        "decoupled_weight_decay": decay != "coupled",  # torch's name
        "normalised_weight_decay": cycle_epochs is not None,
    }


def shrinkage(group: dict[str, Any], decay: str) -> float:
    """What weights are multiplied by before an update: 1 for decay in the gradient.

    `lr`: 1 - lr wd, as PyTorch; `multiplier`: 1 - eta wd, eta the schedule's factor (the paper).
    """
    rates = {"coupled": 0.0, "lr": group["lr"], "multiplier": group.get("lr_factor", 1.0)}
    return 1.0 - rates[decay] * float(group["weight_decay"])


def counts_updates(values: Mapping[str, Any]) -> bool:
    """Whether the decay is normalised, by updates of one batch size (a `counts_updates`)."""
    return values["cycle_epochs"] is not None


class Normalised:
    """1 / sqrt(updates of the present cycle), what a normalised decay is times (appendix B.1).

    epochs: length of the first cycle, or None: the decay as it stands. factor: each cycle is so
    many times longer than the one before (the restarts of SGDR); None is 1.
    Differs: updates that fp16 skips count for the rate's schedule and not here, as a skipped step
    leaves no trace: after n of them a cycle of the decay begins n updates after that of the rate.
    """

    def __init__(self, epochs: float | None, factor: float | None, clock: Clock) -> None:
        self._factor = 1.0 if factor is None else factor
        finite(cycle_factor=self._factor)
        if self._factor < 1:
            raise ValueError(f"cycle_factor={factor} is less than 1: cycles would vanish")
        if epochs is None and self._factor != 1:
            raise ValueError(f"cycle_factor={factor} without cycle_epochs, which it multiplies")
        if epochs is not None and not epochs * clock.steps_per_epoch >= 1:
            raise ValueError(f"cycle_epochs={epochs} is less than one update")
        self._length = None if epochs is None else epochs * clock.steps_per_epoch  # updates

    def factor(self, done: int) -> float:
        """For update number `done`, from 0."""
        if self._length is None:
            return 1.0
        length = end = self._length
        while done >= end - 1e-6:
            length *= self._factor
            end += length
        return 1 / sqrt(length)

    def advance_(self, group: dict[str, Any]) -> dict[str, Any]:
        """The group's fields for its next update, which is counted in its field `step`."""
        done = group["step"]
        group["step"] = done + 1
        return {**group, "weight_decay": self.factor(done) * group["weight_decay"]}
