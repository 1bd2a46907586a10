"""What a table file says: cells, each an experiment and the number that a paper reports for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TRUSTED = ("T", "P", "R", "L", "F")
"""Provenance tags of numbers that were read in a paper, its code, or logs; F off a picture."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The number of a paper. spread is of `kind` sd | se | ci95 (half-width) | none."""

    value: float
    spread: float | None = None
    kind: str = "none"
    n: int | None = None  # runs behind it
    aggregate: str | None = None  # where it is not the cell's
    tag: str = ""
    source: str = ""

    @property
    def trusted(self) -> bool:
        """Whether it may be a target: an unverified number is shown, and judged by nobody."""
        return self.tag.split(":")[0] in TRUSTED

    @property
    def approximate(self) -> bool:
        """Read off a picture."""
        return self.tag.split(":")[0] == "F"


@dataclass(frozen=True)
class Delta:
    """Largest difference that counts as none, and why where it is not the data set's own."""

    value: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number: which runs, what is read of them, and what is reported."""

    row: str
    column: str
    experiment: str | None = None
    overrides: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    solution: str = "last"
    epoch: str | float = "last"  # last | best | a number of epochs
    epoch_is: str = ""
    aggregate: str = "mean"
    metric: str = "accuracy"
    part: str = "test"
    method: str = ""
    delta: Delta | None = None
    expect: str | None = None
    inferred: tuple[str, ...] = ()
    reported: Reported | None = None
    note: str = ""
    out_of_scope: str | None = None
    without_run: str | None = None
    panel: str = ""  # of a grid

    @property
    def key(self) -> str:
        """Unique in its table."""
        return " / ".join(part for part in (self.panel, self.row, self.column) if part)

    @property
    def higher_is_better(self) -> bool:
        """Of accuracies; everything else is a loss."""
        return self.metric in ("accuracy", "accuracy5")


@dataclass(frozen=True)
class Axis:
    """A swept field of a grid."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Grid:
    """Heat maps of the same two fields."""

    x: Axis
    y: Axis
    panels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file of configs/table."""

    name: str
    description: str
    paper: str
    title: str
    source: str
    rows: str
    cells: tuple[Cell, ...]
    methods: str = "columns"  # or rows: what compare= sets beside each other
    baseline: str | None = None
    scaled_down: bool = False
    notes: tuple[str, ...] = ()
    grid: Grid | None = None
