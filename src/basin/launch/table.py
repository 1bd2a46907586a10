"""sweep.json: the points of a sweep and how it was launched, for every launcher the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from basin.core.files import write_json

FORMAT = 1
NAME = "sweep.json"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One point."""

    words: list[str]  # its overrides, all of them
    label: str  # those that tell it from the others
    folder: str  # of the run; what happens to it stands there


@dataclass(frozen=True, kw_only=True)
class Table:
    """One sweep."""

    launcher: str  # slurm, basic, ...
    parameters: dict[str, Any] = field(default_factory=dict)  # of the launcher
    rows: list[Row]

    def write(self, folder: Path) -> None:
        """Replace the table of a sweep folder, keeping rows that it had and this one lacks."""
        rows = {row.folder: row for row in self.rows}
        if (folder / NAME).exists():
            rows = {**{row.folder: row for row in read_table(folder).rows}, **rows}
        content = {"format": FORMAT, **asdict(self), "rows": [asdict(r) for r in rows.values()]}
        write_json(folder / NAME, content)


def read_table(folder: Path) -> Table:
    """The table of a sweep folder; ValueError where there is none that can be read."""
    try:
        content = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        raise ValueError(f"{folder} is no sweep: it has no {NAME}") from None
    if content.pop("format") > FORMAT:
        raise ValueError(f"{folder / NAME} was written by a newer basin")
    return Table(**{**content, "rows": [Row(**row) for row in content["rows"]]})
