"""Parameters, FLOPs and images a second, in training and evaluation, of the options of models."""

from __future__ import annotations

from collections.abc import Sequence

from basin.experiment import devices
from basin.training.allocator import keep_freed_memory
from benchmarks.models import OPTIONS, Amount, Row
from benchmarks.models import measure as row_of
from benchmarks.result import Measured, Result


def measure(options: Sequence[str], amount: Amount, device: str) -> Result:
    """All of configs/model where none is named; ValueError for one that is not there."""
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no option of configs/model")
    where = devices.pick(device)
    keep_freed_memory(where)  # as a run does
    rows: list[Measured] = []
    problems: list[str] = []
    for option in options or OPTIONS:
        row = row_of(option, amount, where)
        rows += _rows(row, amount.batch)
        if row.problem:
            problems.append(f"{option}: {row.problem}")
    settings = {"batch": amount.batch, "classes": amount.classes, "repeats": amount.repeats}
    notes = [
        "FLOPs of one image's forward pass at the native size, 2 a multiply-add; training is"
        " forward and backward, without an update; fp32, each in the memory format of its YAML",
        *problems,
    ]
    return Result("models", where, settings, rows, notes)


def _rows(row: Row, batch: int) -> list[Measured]:
    found = [
        ("parameters", row.parameters, 1e6, "M"),
        ("forward", row.flops, 1e9, "GFLOPs"),
    ]
    rows = [
        Measured(f"{row.option}: {name}", [value / scale], unit)
        for name, value, scale, unit in found
        if value is not None
    ]
    for name, milliseconds in (("training", row.both), ("evaluation", row.forward)):
        if milliseconds is not None:
            rate = 1000 * batch / milliseconds
            rows.append(Measured(f"{row.option}: {name}", [rate], "images/s"))
    return rows
