"""End the SLURM jobs of a sweep, or its runs on this machine; what runs writes a checkpoint first.

    python scripts/cancel.py SWEEP [N ...]

N are numbers of points, as scripts/status.py shows them; all without, and a local pool with them.
scripts/resubmit.py, or the sweep's own command, goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from basin.core.reader import quietly
from basin.launch.find import ROOT, rows_of, sweeps
from basin.launch.slurm import cancel
from basin.launch.state import RunState, look
from basin.launch.stop import stop, stop_pools


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sweep", help="folder, name or experiment")
    parser.add_argument("points", nargs="*", type=int, metavar="N", help="default: all")
    parser.add_argument("--sweeps", type=Path, default=ROOT, help=f"default: {ROOT}")
    chosen = parser.parse_args(arguments)
    try:
        found = sweeps(chosen.sweep, chosen.sweeps)
        rows = rows_of(found)
        numbers = chosen.points or range(1, len(rows) + 1)
        if wrong := [n for n in numbers if not 1 <= n <= len(rows)]:
            raise ValueError(f"point {wrong[0]} is not between 1 and {len(rows)}")
        states = look([Path(rows[n - 1].folder) for n in numbers])
        live = [now for now in states if now.live and now.state != "running elsewhere"]
        jobs = [s.submission.job for s in live if s.submission and s.submission.job]
        cancel(jobs)
        pools = 0 if chosen.points else sum(stop_pools(folder) for folder in found)
        runs = sum(stop(now.folder / "lock.json") for now in live if not _queued(now))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"cancelled {len(jobs)} jobs")
    if pools or runs:
        print(f"stopping {runs} runs of this machine" + ", and the pool" * bool(pools))
    return 0


def _queued(now: RunState) -> bool:
    """Whether a launcher's queue has the run, so that its process is not for us to signal."""
    return bool(now.submission and now.submission.job)


if __name__ == "__main__":
    sys.exit(quietly(main))
