"""Tables as Markdown: for the terminal, results/tables and documents."""

from __future__ import annotations

from collections.abc import Sequence

from basin.report.paper import text
from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.heat import HeatMap, heat_maps


def table_text(table: Table, outcomes: Sequence[Outcome]) -> str:
    """A heading, the table, and notes below it."""
    parts = [f"## {table.title}", text.caption(table)]
    if table.grid is None:
        parts.append(grid_of([text.head(table), *(text.line(table, one) for one in outcomes)]))
    else:
        parts += [_heat_map(table, one) for one in heat_maps(table, outcomes)]
    notes = [*table.notes, *text.footnotes(outcomes)]
    if notes:
        parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def grid_of(rows: Sequence[Sequence[str]], *, all_columns: bool = False) -> str:
    """Rows as an aligned Markdown table, the first its head; empty columns are left out."""
    kept = [
        column
        for column in range(len(rows[0]))
        if all_columns or any(row[column] not in ("", text.DASH) for row in rows[1:])
    ]
    rows = [[row[i].replace("|", "\\|") for i in kept] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(kept))]
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
