"""End the SLURM jobs of a sweep; what runs writes a checkpoint first.

    python scripts/cancel.py SWEEP [N ...]

N are numbers of points, as scripts/status.py shows them; all without. scripts/resubmit.py goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from basin.launch.find import ROOT, rows_of, sweeps
from basin.launch.slurm import cancel
from basin.launch.state import look


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sweep", help="folder, name or experiment")
    parser.add_argument("points", nargs="*", type=int, metavar="N", help="default: all")
    parser.add_argument("--sweeps", type=Path, default=ROOT, help=f"default: {ROOT}")
    chosen = parser.parse_args(arguments)
    try:
        rows = rows_of(sweeps(chosen.sweep, chosen.sweeps))
        numbers = chosen.points or range(1, len(rows) + 1)
        if wrong := [n for n in numbers if not 1 <= n <= len(rows)]:
            raise ValueError(f"point {wrong[0]} is not between 1 and {len(rows)}")
        states = look([Path(rows[n - 1].folder) for n in numbers])
        jobs = [s.submission.job for s in states if s.live and s.submission]
        cancel(jobs)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"cancelled {len(jobs)} jobs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
