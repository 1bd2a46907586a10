"""Where basin runs; imported before anything that needs POSIX."""

from __future__ import annotations

import sys


def refuse_windows() -> None:
    """Exit where the platform is not supported."""
    if sys.platform == "win32":
        raise SystemExit(
            "basin does not run on Windows: its checkpoints and locks need POSIX renames, signals"
            " and file locks. Use Linux, or WSL 2."
        )
