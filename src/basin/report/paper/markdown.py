"""Tables as Markdown: for the terminal, results/tables and documents."""

from __future__ import annotations

from collections.abc import Sequence

from basin.report.paper import text
from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.heat import HeatMap, heat_maps
from basin.report.paper.notes import notes_of


def table_text(table: Table, outcomes: Sequence[Outcome]) -> str:
    """A heading, the table, and notes below it."""
    parts = [f"## {table.title}", text.caption(table)]
    if table.grid is None:
        parts.append(grid_of([text.head(table), *(text.line(table, one) for one in outcomes)]))
    else:
        parts += [_heat_map(table, one) for one in heat_maps(table, outcomes)]
    if notes := notes_of(table, outcomes):
        parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def grid_of(rows: Sequence[Sequence[str]], *, all_columns: bool = False) -> str:
    """Rows as an aligned Markdown table, the first its head; empty columns are left out."""
    kept = rows if all_columns else text.without_empty_columns(rows)
    rows = [[entry.replace("|", "\\|") for entry in row] for row in kept]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True))
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _heat_map(table: Table, found: HeatMap) -> str:
    """The values of a panel, and its score."""
    grid = table.grid
    assert grid is not None
    rows = [[f"{grid.y.field} \\ {grid.x.field}", *map(str, grid.x.values)]]
    for value, outcomes in zip(grid.y.values, found.outcomes, strict=True):
        rows.append([str(value), *(text.ours(one) for one in outcomes)])
    return f"**{found.panel}**: {found.score}\n\n{grid_of(rows, all_columns=True)}"
