"""submission.json of a run folder: which job was given the run last, by whichever launcher."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from basin.core.files import write_json

NAME = "submission.json"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One run given to one job. `sweep` holds the settings of the launcher (launch.table)."""

    launcher: str  # slurm, local, ...
    job: str  # as the launcher names it: 12 or 12_3 of SLURM
    log: str  # what the job prints, of all its restarts
    sweep: str  # folder of the sweep
    snapshot: str | None  # folder of the code; None: whatever the environment has

    def write(self, folder: Path) -> None:
        """Replace the one before."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(folder / NAME, {**asdict(self), "submitted": now})


def read_submission(folder: Path) -> Submission | None:
    """The latest of a run folder; None where a run was only ever started by hand."""
    try:
        entries = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        return None
    del entries["submitted"]
    return Submission(**entries)
