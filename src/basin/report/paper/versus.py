"""Method A against method B over all cells that both have, at equal epochs and equal gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Cell, Table
from basin.report.paper.gains import Gain, gain
from basin.report.paper.records import Unreadable
from basin.report.paper.values import ACCURACIES, at_or_before

AXES = {"epochs": "epoch", "gradient evaluations": "gradient_evaluations"}
"""What is made equal, and its column of the curves."""


@dataclass(frozen=True)
class Duel:
    """One row of a table: A and B at the same moment of an axis."""

    table: str
    row: str
    metric: str
    axis: str
    at: float  # the longest that every run of both has
    values: tuple[float, float]  # means
    ns: tuple[int, int]
    gain: Gain  # A - B
    best: bool  # a cell reads the best epoch, which is not compared here


Tables = Sequence[tuple[Table, list[Outcome]]]
Curves = Mapping[str, list[Any]]


def pair_of(words: str, tables: Tables) -> tuple[str, str]:
    """`A,B` as two methods of the tables, whose names may have commas. Raises ValueError."""
    parts = words.split(",")
    pairs = [
        (",".join(parts[:i]).strip(), ",".join(parts[i:]).strip()) for i in range(1, len(parts))
    ]
    pairs = [(left, right) for left, right in pairs if left and right and left != right]
    if not pairs:
        raise ValueError(f"compare={words} is not two methods, as compare=SGD,SWA")
    there = {_method(table, o.cell) for table, outcomes in tables for o in outcomes}
    for pair in pairs:
        if there.issuperset(pair):
            return pair
    unknown = " or ".join(dict.fromkeys(n for pair in pairs for n in pair if n not in there))
    raise ValueError(f"compare={words}: no cell of {unknown}; there are {', '.join(sorted(there))}")


def duels(tables: Tables, left: str, right: str, problem: Callable[[str], None]) -> list[Duel]:
    """Every shared row, on both axes; of several columns of a method the first with runs.

    problem(text): told of each record of theirs that cannot be read; it hides no other.
    """
    found = []
    for table, outcomes in tables:
        there: dict[tuple[str, str], list[Outcome]] = {}
        for one in outcomes:
            there.setdefault((_row(table, one.cell), one.cell.metric), []).append(one)
        for own in there.values():
            arms = [_arm(table, own, name, problem) for name in (left, right)]
            if arms[0] and arms[1]:
                found += [_duel(table, (arms[0], arms[1]), axis) for axis in AXES]
    return [duel for duel in found if duel is not None]


@dataclass(frozen=True)
class _Arm:
    """A cell, and the curves of its runs by seed."""

    cell: Cell
    curves: dict[int, Curves]

    def values(self, axis: str, at: float) -> dict[int, float]:
        """By seed; not of a curve that lacks the cell's number."""
        every = {s: _value(c, self.cell, axis, at) for s, c in self.curves.items()}
        return {seed: value for seed, value in every.items() if value is not None}


def _arm(
    table: Table, outcomes: Sequence[Outcome], method: str, problem: Callable[[str], None]
) -> _Arm | None:
    """The first column of a method of which a run can be read."""
    for one in outcomes:
        if _method(table, one.cell) == method:
            for text in one.problems:
                problem(text)
            if curves := _curves(one, problem):
                return _Arm(one.cell, curves)
    return None


def _curves(outcome: Outcome, problem: Callable[[str], None]) -> dict[int, Curves]:
    found: dict[int, Curves] = {}
    for record in outcome.records:
        if record.seed in outcome.values:
            try:
                found[record.seed] = record.curves
            except Unreadable as error:
                problem(str(error))
    return found


def _method(table: Table, cell: Cell) -> str:
    return cell.method or cell.panel or (cell.row if table.methods == "rows" else cell.column)


def _row(table: Table, cell: Cell) -> str:
    """What both have in common; the panels of a grid are its methods."""
    if cell.panel:
        return f"{cell.row} / {cell.column}"
    return cell.column if table.methods == "rows" else cell.row


def _duel(table: Table, pair: tuple[_Arm, _Arm], axis: str) -> Duel | None:
    """None where no curve has the cell's number."""
    at = min(_end(curves, arm.cell, axis) for arm in pair for curves in arm.curves.values())
    left, right = (arm.values(axis, at) for arm in pair)
    if not (left and right):
        return None
    cells = [arm.cell for arm in pair]
    return Duel(
        table=table.name,
        row=_row(table, cells[0]),
        metric=cells[0].metric,
        axis=axis,
        at=at,
        values=(sum(left.values()) / len(left), sum(right.values()) / len(right)),
        ns=(len(left), len(right)),
        gain=gain(left, right),
        best=any(cell.epoch == "best" for cell in cells),
    )


def _end(curves: Curves, cell: Cell, axis: str) -> float:
    """The last moment that a cell may read: its epoch where that is fixed, else the run's end."""
    index = at_or_before(curves["epoch"], cell.epoch) if isinstance(cell.epoch, float) else -1
    assert index is not None  # or the cell would have no value
    return float(curves[AXES[axis]][index])


def _value(curves: Curves, cell: Cell, axis: str, at: float) -> float | None:
    """At the last evaluation that is not after a moment."""
    score = ACCURACIES.get(cell.metric, cell.metric)
    name = cell.metric.removeprefix("line:")
    if name == cell.metric:
        name = f"solutions.{cell.solution}.{cell.part}.{score}"
    index = at_or_before(curves[AXES[axis]], at)
    column = curves.get(name)
    if index is None or column is None or column[index] is None:
        return None
    return 100 - column[index] if cell.metric in ACCURACIES else float(column[index])
