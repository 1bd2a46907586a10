"""Heat maps of a grid: the values of each panel, and how separable its two fields are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.separability import Separability, separability


@dataclass(frozen=True)
class HeatMap:
    """One panel: outcomes by (row, column), y downwards and x to the right."""

    panel: str
    outcomes: tuple[tuple[Outcome, ...], ...]
    separability: Separability | None

    @property
    def score(self) -> str:
        """The score in words."""
        if self.separability is None:
            return "separability: needs every cell"
        found = self.separability
        return f"separability {found.score:.3f}, the best column moves {found.moves:.2f} a row"


def heat_maps(table: Table, outcomes: Sequence[Outcome]) -> list[HeatMap]:
    """The panels of a table of type `grid`, in its order.

    Of a part of its outcomes: panels that have one of them, the rest of their cells without runs.
    """
    grid = table.grid
    assert grid is not None
    width = len(grid.x.values)
    chosen = {one.cell.key: one for one in outcomes}
    maps = []
    for panel in dict.fromkeys(one.cell.panel for one in outcomes):
        cells = [cell for cell in table.cells if cell.panel == panel]
        own = [chosen.get(cell.key, Outcome(cell, None)) for cell in cells]
        rows = tuple(tuple(own[i : i + width]) for i in range(0, len(own), width))
        better = cells[0].higher_is_better
        values = [[one.ours for one in row] for row in rows]
        maps.append(HeatMap(panel, rows, separability(values, higher_is_better=better)))
    return maps
