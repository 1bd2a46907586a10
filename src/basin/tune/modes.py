"""What the learning rate does at a rung (Lee et al. 2023, MORL, arXiv:2209.12499), as overrides.

A rung is a run of train.py whose stages are the rungs until then; the run of the next rung begins
at the checkpoint of the last one's end (docs/stages.md, trunks).
"""

from __future__ import annotations

from dataclasses import dataclass

from basin.tune.ladder import Ladder

MODES = ("per_rung_restart", "truncated_full", "rescaled_from_scratch", "compressed_periodic")
RESERVED = ("epochs", "stages", "results", "rerun", "rerun_from", "runtime.keep_end")
"""Fields that a search sets itself."""


@dataclass(frozen=True, kw_only=True)
class Mode:
    """n_k = r_k - r_(k-1) epochs belong to rung k.

    per_rung_restart (MORL): the schedule runs over n_k, and begins anew at a promotion, at lr times
    cycle_factor to the number of promotions; `momentum` is kept or fresh there.
    truncated_full: one schedule over R, cut at r_k.
    rescaled_from_scratch: every rung trains anew, a whole schedule over r_k.
    compressed_periodic: a cosine of `period` epochs again and again (SGDR with T_mult = 1).
    """

    name: str
    momentum: str  # keep | fresh, of per_rung_restart
    cycle_factor: float  # of per_rung_restart
    period: float | None  # epochs, of compressed_periodic; None: r_0

    def __post_init__(self) -> None:
        if self.name not in MODES:
            raise ValueError(f"mode={self.name} is not one of {', '.join(MODES)}")
        if self.momentum not in ("keep", "fresh"):
            raise ValueError(f"momentum={self.momentum} is not one of keep, fresh")
        if not 0 < self.cycle_factor <= 1:
            raise ValueError(f"cycle_factor={self.cycle_factor} is not in (0, 1]")
        if self.period is not None and not self.period > 0:
            raise ValueError(f"period={self.period} is not a number of epochs above 0")

    @property
    def continues(self) -> bool:
        """Whether a rung goes on from the one below it."""
        return self.name != "rescaled_from_scratch"

    @property
    def sets_schedule(self) -> bool:
        """Whether the schedule is the mode's and not the user's."""
        return self.name == "compressed_periodic"

    def words(self, ladder: Ladder, first: int, rung: int) -> list[str]:
        """Overrides of the run of a rung, of a configuration that began at rung `first`."""
        if not self.continues:
            return [f"epochs={ladder.budgets[rung]!r}"]
        periodic = [*self._periodic(ladder), "runtime.keep_end=true"]
        lengths = segments(ladder, first, rung)
        return periodic + [self._stage(ladder, i, length) for i, length in enumerate(lengths)]

    def _stage(self, ladder: Ladder, index: int, length: float) -> str:
        """A stage; the first has the name of an ordinary run's, and is that run."""
        fields = {"epochs": f"{length!r}"}
        restarts = self.name == "per_rung_restart"
        if not restarts:
            fields |= {"clock": "run", "horizon": f"{ladder.budgets[-1]!r}"}
        if index:
            fields["optimizer_state"] = self.momentum if restarts else "keep"
        if restarts and index and self.cycle_factor != 1:
            fields["lr"] = f'"${{share:{self.cycle_factor**index!r},${{lr}}}}"'
        text = ",".join(f"{key}:{value}" for key, value in fields.items())
        return f"+stages.rung_{index}={{{text}}}" if index else f"++stages.train={{{text}}}"

    def _periodic(self, ladder: Ladder) -> list[str]:
        if not self.sets_schedule:
            return []
        period = ladder.budgets[0] if self.period is None else self.period
        cycle = [f"schedule.lr.first_cycle={period!r}", "schedule.lr.multiplier=1"]
        return ["schedule=sgdr", *cycle]

    def cost(self, ladder: Ladder, first: int, rung: int) -> float:
        """Epochs that a rung trains: n_k, or r_k where it begins anew."""
        if not self.continues:
            return ladder.budgets[rung]
        return segments(ladder, first, rung)[-1]


def segments(ladder: Ladder, first: int, rung: int) -> list[float]:
    """n_k of the rungs from `first` to `rung`; the first has all of r_first."""
    ends = ladder.budgets[first : rung + 1]
    return [end - start for start, end in zip((0.0, *ends), ends, strict=False)]
