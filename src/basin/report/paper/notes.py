"""What stands below a table, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence

from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table


def notes_of(table: Table, outcomes: Sequence[Outcome]) -> list[str]:
    """The table's own; flags, problems and failures, and what is said of several cells once."""
    cells: dict[str, list[str]] = {}
    for outcome in outcomes:
        said = [*outcome.verdict.flags, outcome.cell.note, *outcome.problems]
        said += [f"{record.name}: {record.failed}" for record in outcome.failed]
        if outcome.cell.delta is not None and outcome.values:
            said.append(f"delta {outcome.cell.delta.value:g}: {outcome.cell.delta.reason}")
        for one in filter(None, said):
            cells.setdefault(one, []).append(outcome.cell.key)
    return [*table.notes] + [
        f"{'every cell' if len(keys) == len(outcomes) > 1 else ', '.join(keys)}: {said}"
        for said, keys in cells.items()
    ]
