"""Train one configuration: python train.py [group=option ...] [field=value ...]; see --help."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CONFIGS = Path(__file__).resolve().parent / "configs"
SHOWS = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i"}
"""What trains nothing, and ends when nobody reads it any more."""


def main() -> int:
    """Run the command line; returns the exit code."""
    from basin.experiment.platforms import refuse_windows

    refuse_windows()
    if {"--help", "-h"} & set(sys.argv[1:]):
        from basin.experiment.help import text

        print(text(CONFIGS))
        return 0
    from basin.experiment.command import run_command

    return run_command(CONFIGS, full_error=os.environ.get("HYDRA_FULL_ERROR") == "1")


if __name__ == "__main__":
    from basin.core.reader import quietly

    shows = SHOWS & {word.partition("=")[0] for word in sys.argv[1:]}
    sys.exit(quietly(main) if shows else main())
