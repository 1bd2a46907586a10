"""Snapshot ensembles at the ends of cycles (Loshchilov and Hutter 2017, arXiv:1608.03983).

Section 4.3, after Huang et al. 2017 (arXiv:1704.00109).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from basin.averaging.members import Members
from basin.averaging.points import ROUNDING
from basin.averaging.prediction_average import PredictionAverage
from basin.core.clock import Epochs


class Snapshots(PredictionAverage):
    """The iterates after each of `at` epochs of this stage; the latest `members` of them.

    at: null, where the rate has no cycles to take them from, is refused. members: null for all.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        folder: Path | None,
        *,
        epochs: Epochs,
        at: Sequence[Epochs] | None,
        members: int | None,
        keep: str,
    ) -> None:
        if at is None:
            raise ValueError(
                "at=null: no cycle of the rate ends in training; take schedule=sgdr (with a"
                " first_cycle that fits), or give epochs, at=[10,30]"
            )
        moments = list(at)
        ascending = all(a < b for a, b in zip(moments, moments[1:], strict=False))
        if not moments or not ascending or not moments[0] > 0 or moments[-1] > epochs + ROUNDING:
            raise ValueError(
                f"at={moments} is not a list of ascending epochs in"
                f" (0, {epochs:g}], the length of training"
            )
        if members is not None and members < 1:
            raise ValueError(f"members={members} is less than 1")

        def count(t: float) -> int:
            return sum(moment <= t + ROUNDING for moment in moments)

        store = Members(model, name, keep=keep, folder=folder)
        super().__init__(name, store, count=count, most=members)
