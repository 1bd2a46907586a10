"""The process of one frozen run in a pool: python -m basin.experiment.child FOLDER [SNAPSHOT]."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from basin.experiment.frozen import FrozenJob
from basin.experiment.job import Stopped
from basin.experiment.members import Membership

ELSEWHERE = 75
"""Exit code where another process runs the folder (EX_TEMPFAIL of sysexits.h)."""


def main(arguments: Sequence[str]) -> int:
    """Train; returns the exit code."""
    folder, *snapshot = arguments
    return exit_code(FrozenJob(folder, snapshot[0] if snapshot else None), None)


def exit_code(job: FrozenJob, membership: Membership | None) -> int:
    """Train one run; what its process ends with."""
    try:
        outcome = job(membership)
    except Stopped as stopped:
        return stopped.code
    except Exception:
        traceback.print_exc()  # also in status.json
        return 1
    return 0 if outcome == "done" else ELSEWHERE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
