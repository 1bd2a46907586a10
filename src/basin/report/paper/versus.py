"""Method A against method B over all cells that both have, at equal epochs and equal gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Cell, Table
from basin.report.paper.gains import Gain, gain
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


def duels(tables: Sequence[tuple[Table, list[Outcome]]], left: str, right: str) -> list[Duel]:
    """Every shared row, on both axes. Raises ValueError where a method is in no table."""
    methods = {_method(o.cell) for _, outcomes in tables for o in outcomes}
    for name in (left, right):
        if name not in methods:
            raise ValueError(f"compare: no cell of {name}; there are {', '.join(sorted(methods))}")
    found = []
    for table, outcomes in tables:
        for row in dict.fromkeys((o.cell.panel, o.cell.row) for o in outcomes):
            there = [o for o in outcomes if (o.cell.panel, o.cell.row) == row]
            pair = [_first(there, name) for name in (left, right)]
            if pair[0] and pair[1] and pair[0].cell.metric == pair[1].cell.metric:
                found += [_duel(table, pair[0], pair[1], axis) for axis in AXES]
    return [duel for duel in found if duel is not None]


def _first(outcomes: Sequence[Outcome], method: str) -> Outcome | None:
    own = [o for o in outcomes if _method(o.cell) == method and o.values]
    return own[0] if own else None


def _method(cell: Cell) -> str:
    return cell.method or cell.column


def _duel(table: Table, left: Outcome, right: Outcome, axis: str) -> Duel | None:
    """None where a curve lacks the cell's number."""
    both = [{r.seed: r.curves for r in o.records if r.failed is None} for o in (left, right)]
    at = min(curves[AXES[axis]][-1] for own in both for curves in own.values())
    arms = [
        {seed: v for seed, c in own.items() if (v := _value(c, o.cell, axis, at)) is not None}
        for own, o in zip(both, (left, right), strict=True)
    ]
    if not (arms[0] and arms[1]):
        return None
    means = tuple(sum(arm.values()) / len(arm) for arm in arms)
    return Duel(
        table=table.name,
        row=left.cell.row,
        metric=left.cell.metric,
        axis=axis,
        at=at,
        values=(means[0], means[1]),
        ns=(len(arms[0]), len(arms[1])),
        gain=gain(arms[0], arms[1]),
    )


def _value(curves: Mapping[str, list[Any]], cell: Cell, axis: str, at: float) -> float | None:
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
