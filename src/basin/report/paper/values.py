"""What a cell reads of one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from basin.report.paper.forms import Cell
from basin.report.paper.records import Record, Unreadable

ACCURACIES = {"accuracy": "error", "accuracy5": "error5"}


def value(record: Record, cell: Cell, epoch: str | float | None = None) -> float:
    """The number of a cell, in its metric. Raises Unreadable, naming what is not there."""
    when = cell.epoch if epoch is None else epoch
    if cell.metric.startswith("line:"):
        return _number(_at(record, cell.metric.removeprefix("line:"), when), cell, record)
    score = ACCURACIES.get(cell.metric, cell.metric)
    if isinstance(when, float):
        found = _at(record, f"solutions.{cell.solution}.{cell.part}.{score}", when)
    else:
        results = record.head["results"].get(cell.solution)
        if results is None:
            there = ", ".join(record.head["results"]) or "none"
            raise Unreadable(f"{record.name} has no solution {cell.solution} (it has {there})")
        moment = results["final" if when == "last" else "best"] or {}
        found = moment.get(cell.part, {}).get(score)
    number = _number(found, cell, record)
    return 100 - number if cell.metric in ACCURACIES else number


def selected_on(cell: Cell, *, validation: bool) -> str:
    """By what the epoch was chosen; a choice on the test set says so."""
    if cell.epoch == "best":
        return "validation" if validation else "test-best"
    if cell.epoch == "last":
        return "last"
    return f"epoch {cell.epoch:g}" + (f" ({cell.epoch_is})" if cell.epoch_is else "")


def at_or_before(epochs: Sequence[float], moment: float) -> int | None:
    """Index of the last evaluation that is not after a moment."""
    there = [i for i, epoch in enumerate(epochs) if epoch <= moment + 1e-6]
    return there[-1] if there else None


def _at(record: Record, name: str, when: str | float) -> Any:
    curves = record.curves
    column = curves.get(name)
    if column is None:
        raise Unreadable(f"{record.name} has no {name}")
    if when == "last":
        return column[-1]
    if not isinstance(when, float):
        raise Unreadable(f"{name} is not what a best epoch is chosen by")
    epochs = curves["epoch"]
    index = at_or_before(epochs, when)
    if index is None or abs(epochs[index] - when) > 1e-3:  # t of 500 steps is rounded
        raise Unreadable(f"{record.name} was not evaluated at epoch {when:g}")
    return column[index]


def _number(found: Any, cell: Cell, record: Record) -> float:
    if found is None:
        raise Unreadable(
            f"{record.name}: {cell.metric} of {cell.solution} ({cell.part}) is not there"
        )
    return float(found)
