"""What the runs of sweeps are doing, from their folders and from SLURM.

    python scripts/status.py [SWEEP] [--watch] [--log N]

SWEEP is the folder or the name of a sweep, or an experiment (swa/vgg16_cifar100_swa); default: all.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from basin.core.reader import quietly
from basin.launch.find import ROOT, rows_of, sweeps
from basin.launch.overview import overview
from basin.launch.state import RunState, look

LINES = 40
"""Of a log that are shown."""


def log_of(now: RunState) -> str:
    """The error of a run with its traceback, and the end of what its job printed."""
    parts = [f"{now.folder}\n{now.state}  {now.note}", now.status.get("traceback", "")]
    if now.submission:
        log = Path(now.submission.log)
        text = log.read_text(errors="replace") if log.is_file() else "(nothing is there)"
        parts.append(f"{log}:\n" + "\n".join(text.splitlines()[-LINES:]))
    return "\n\n".join(part.rstrip() for part in parts if part)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sweep", nargs="?", help="folder, name or experiment; default: all")
    parser.add_argument("--sweeps", type=Path, default=ROOT, help=f"default: {ROOT}")
    parser.add_argument("--watch", action="store_true", help="look again and again, until Ctrl-C")
    parser.add_argument("--seconds", type=float, default=5.0, help="between two looks; default: 5")
    parser.add_argument("--log", type=int, metavar="N", help="the log of point number N")
    chosen = parser.parse_args(arguments)
    try:
        rows = rows_of(sweeps(chosen.sweep, chosen.sweeps))
        folders = [Path(row.folder) for row in rows]
        if chosen.log is not None:
            if not 1 <= chosen.log <= len(rows):
                raise ValueError(f"--log {chosen.log} is not between 1 and {len(rows)}")
            print(log_of(look([folders[chosen.log - 1]])[0]))
            return 0
        while True:
            states = look(folders)
            clear = "\033[2J\033[H" if chosen.watch and sys.stdout.isatty() else ""
            print(clear + overview(rows, states), flush=True)
            if not chosen.watch or not any(now.live for now in states):
                return 0
            time.sleep(chosen.seconds)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(quietly(main))
