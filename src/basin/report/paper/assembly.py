"""A table with what our runs say: for every cell its runs, its value, its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from basin.report.paper.archive import Archive
from basin.report.paper.forms import Cell, Table
from basin.report.paper.gains import Gain, gain
from basin.report.paper.header import Header
from basin.report.paper.recipe import Recipe
from basin.report.paper.records import Record, Unreadable
from basin.report.paper.statistics import Sample
from basin.report.paper.values import selected_on, value
from basin.report.paper.verdict import Verdict, delta_of, judge


@dataclass(frozen=True)
class Experiment:
    """What the configurations say of a cell."""

    recipe: Recipe
    header: Header


Lookup = Callable[[Cell], Experiment]
"""Raises ValueError where an experiment does not compose."""


@dataclass(frozen=True)
class Outcome:
    """A cell and everything that is known of it."""

    cell: Cell
    experiment: Experiment | None
    values: Mapping[int, float] = field(default_factory=dict)  # by seed
    records: tuple[Record, ...] = ()
    missing: tuple[int, ...] = ()  # seeds
    failed: tuple[Record, ...] = ()
    stale: tuple[Record, ...] = ()
    problems: tuple[str, ...] = ()  # why a record that is there gives no number
    verdict: Verdict = Verdict("missing")
    gain: Gain | None = None
    best: float | None = None  # of the same runs, the best epoch; last where the cell is best

    @property
    def sample(self) -> Sample | None:
        """Our values."""
        return Sample(tuple(self.values.values())) if self.values else None

    @property
    def ours(self) -> float | None:
        """Our number."""
        better = self.cell.higher_is_better
        sample = self.sample
        return (
            None
            if sample is None
            else sample.aggregate(self.cell.aggregate, higher_is_better=better)
        )

    @property
    def selected_on(self) -> str:
        """By what its epoch was chosen."""
        held_out = self.experiment is not None and self.experiment.recipe.validation
        return selected_on(self.cell, validation=held_out)

    @property
    def inferred(self) -> tuple[str, ...]:
        """Keys of the recipe that no trusted source gives."""
        own = self.experiment.header.inferred if self.experiment else ()
        return tuple(dict.fromkeys((*own, *self.cell.inferred)))


def assemble(table: Table, archive: Archive, look_up: Lookup) -> list[Outcome]:
    """An outcome for each cell, in the table's order."""
    outcomes = [_outcome(cell, archive, look_up) for cell in table.cells]
    if table.baseline is None:
        return outcomes
    bases = {(o.cell.panel, o.cell.row): o for o in outcomes if o.cell.column == table.baseline}
    return [_with_gain(one, bases.get((one.cell.panel, one.cell.row))) for one in outcomes]


def _outcome(cell: Cell, archive: Archive, look_up: Lookup) -> Outcome:
    if cell.experiment is None:
        word = "out of scope" if cell.out_of_scope else "no recipe"
        why = cell.out_of_scope or cell.without_run or ""
        return Outcome(cell, None, verdict=Verdict(word, why))
    experiment = look_up(cell)
    identity = experiment.recipe.identity
    records = {seed: archive.records.get((identity, seed)) for seed in cell.seeds}
    ended = [record for record in records.values() if record is not None]
    absent = {s: f"{experiment.recipe.run}-s{s}" for s in cell.seeds if records[s] is None}
    broken = {s: archive.unreadable[n] for s, n in absent.items() if n in archive.unreadable}
    values, problems = dict[int, float](), [*broken.values()]
    for record in ended:
        if record.failed is None:
            try:
                values[record.seed] = value(record, cell)
            except Unreadable as error:
                problems.append(str(error))
    outcome = Outcome(
        cell,
        experiment,
        values=values,
        records=tuple(ended),
        missing=tuple(seed for seed in absent if seed not in broken),
        failed=tuple(record for record in ended if record.failed is not None),
        stale=tuple(archive.stale(cell.experiment, cell.overrides, identity)),
        problems=tuple(problems),
        best=_other_epoch(cell, ended),
    )
    return replace(outcome, verdict=_verdict(outcome))


def _verdict(outcome: Outcome) -> Verdict:
    sample, cell, experiment = outcome.sample, outcome.cell, outcome.experiment
    if sample is None or experiment is None:
        if outcome.failed:
            return Verdict("failed", f"{len(outcome.failed)} of {len(cell.seeds)}")
        return Verdict(
            "unreadable" if outcome.problems else "stale" if outcome.stale else "missing"
        )
    verdict = judge(
        cell, sample, delta=delta_of(cell, experiment.recipe.dataset), inferred=outcome.inferred
    )
    if outcome.failed:
        flag = f"{len(outcome.failed)} of {len(cell.seeds)} runs failed and are not in the mean"
        return replace(verdict, flags=(*verdict.flags, flag))
    return verdict


def _other_epoch(cell: Cell, records: list[Record]) -> float | None:
    """The mean of the best epochs, or where the cell reads those, of the last."""
    if cell.metric.startswith("line:"):
        return None
    try:
        other = "last" if cell.epoch == "best" else "best"
        found = [value(record, cell, other) for record in records if record.failed is None]
    except Unreadable:
        return None
    return Sample(tuple(found)).mean if found else None


def _with_gain(outcome: Outcome, base: Outcome | None) -> Outcome:
    """Beside the baseline of its row, where both have runs."""
    if base is None or base.cell is outcome.cell or not (outcome.values and base.values):
        return outcome
    cell, delta = outcome.cell, outcome.cell.delta.value if outcome.cell.delta else 0.0
    return replace(outcome, gain=gain(outcome.values, base.values, cell.expect, delta))
