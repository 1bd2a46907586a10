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
    best: bool  # a cell reads the best epoch, which is not compared here


Tables = Sequence[tuple[Table, list[Outcome]]]


def pair_of(words: str, tables: Tables) -> tuple[str, str]:
    """`A,B` as two methods of the tables, whose names may have commas. Raises ValueError."""
    parts = words.split(",")
    pairs = [
        (",".join(parts[:i]).strip(), ",".join(parts[i:]).strip()) for i in range(1, len(parts))
    ]
    pairs = [(left, right) for left, right in pairs if left and right and left != right]
    if not pairs:
        raise ValueError(f"compare={words} is not two methods, as compare=SGD,SWA")
    there = {_method(o.cell) for _, outcomes in tables for o in outcomes}
    for pair in pairs:
        if there.issuperset(pair):
            return pair
    unknown = " or ".join(dict.fromkeys(n for pair in pairs for n in pair if n not in there))
    raise ValueError(f"compare={words}: no cell of {unknown}; there are {', '.join(sorted(there))}")


def duels(tables: Tables, left: str, right: str) -> list[Duel]:
    """Every shared row, on both axes; of several columns of a method the first with runs."""
    found = []
    for table, outcomes in tables:
        there: dict[tuple[str, str], list[Outcome]] = {}
        for one in outcomes:
            there.setdefault((_row(one.cell), one.cell.metric), []).append(one)
        for own in there.values():
            pair = [_first(own, name) for name in (left, right)]
            if pair[0] and pair[1]:
                found += [_duel(table, pair[0], pair[1], axis) for axis in AXES]
    return [duel for duel in found if duel is not None]


def _first(outcomes: Sequence[Outcome], method: str) -> Outcome | None:
    own = [o for o in outcomes if _method(o.cell) == method and o.values]
    return own[0] if own else None


def _method(cell: Cell) -> str:
    return cell.method or cell.panel or cell.column


def _row(cell: Cell) -> str:
    """What both have in common; the panels of a grid are its methods."""
    return f"{cell.row} / {cell.column}" if cell.panel else cell.row


def _duel(table: Table, left: Outcome, right: Outcome, axis: str) -> Duel | None:
    """None where a curve lacks the cell's number."""
    both = [{r.seed: r.curves for r in o.records if r.seed in o.values} for o in (left, right)]
    at = min(
        _end(curves, o.cell, axis)
        for own, o in zip(both, (left, right), strict=True)
        for curves in own.values()
    )
    arms = [
        {seed: v for seed, c in own.items() if (v := _value(c, o.cell, axis, at)) is not None}
        for own, o in zip(both, (left, right), strict=True)
    ]
    if not (arms[0] and arms[1]):
        return None
    means = tuple(sum(arm.values()) / len(arm) for arm in arms)
    return Duel(
        table=table.name,
        row=_row(left.cell),
        metric=left.cell.metric,
        axis=axis,
        at=at,
        values=(means[0], means[1]),
        ns=(len(arms[0]), len(arms[1])),
        gain=gain(arms[0], arms[1]),
        best="best" in (left.cell.epoch, right.cell.epoch),
    )


def _end(curves: Mapping[str, list[Any]], cell: Cell, axis: str) -> float:
    """The last moment that a cell may read: its epoch where that is fixed, else the run's end."""
    index = at_or_before(curves["epoch"], cell.epoch) if isinstance(cell.epoch, float) else -1
    assert index is not None  # or the cell would have no value
    return float(curves[AXES[axis]][index])


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
