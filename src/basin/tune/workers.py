"""Whether another worker still lives: each holds the lock of a folder of its own."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from basin.launch.lock import RunLock, RunningElsewhere


def new_name() -> str:
    """Of a worker, for people and for its folder."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def lock(folder: Path, worker: str, notice: Callable[[str], None]) -> RunLock:
    """The lock that a worker holds as long as it lives."""
    return RunLock(folder / "workers" / worker, notice)


def is_gone(folder: Path, worker: str) -> bool:
    """Whether a worker has ended; up to a minute where only its heartbeat can tell."""
    if not (folder / "workers" / worker / "lock.json").exists():
        return True
    try:
        with lock(folder, worker, lambda text: None):
            return True
    except RunningElsewhere:
        return False
