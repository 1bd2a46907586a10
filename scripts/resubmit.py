"""Queue again what is missing or failed of a sweep; what is done or under way is left alone.

    python scripts/resubmit.py SWEEP [--new-code]

Each run goes on from its checkpoint with the configuration that was frozen, and with the code that
was frozen too, or with today's by --new-code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from basin.core.reader import quietly
from basin.launch.find import ROOT, rows_of, sweeps
from basin.launch.overview import overview


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sweep", help="folder, name or experiment")
    parser.add_argument("--new-code", action="store_true", help="not the code that was frozen")
    parser.add_argument("--sweeps", type=Path, default=ROOT, help=f"default: {ROOT}")
    chosen = parser.parse_args(arguments)
    from basin.experiment.resubmit import resubmit  # slow, with torch

    code = 0
    try:
        folders = sweeps(chosen.sweep, chosen.sweeps)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for folder in folders:
        try:
            states, count = resubmit(folder.resolve(), new_code=chosen.new_code)
            print(overview(rows_of([folder]), states))
            print(f"{count} queued again" if count else "nothing is missing: none queued again")
        except (OSError, ValueError) as error:  # of one sweep; the others are given again
            print(f"error: {error}", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(quietly(main))
