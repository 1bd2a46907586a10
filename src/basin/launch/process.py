"""Whether a process that wrote its pid down still lives."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def start_of(pid: int) -> float | None:
    """A number that tells a process from a later one of its pid; None where it cannot be read.

    Ticks since boot on Linux, which no change of the clock moves; else the time in seconds.
    """
    with suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text()
        return float(text.rpartition(")")[2].split()[19])  # field 22, counted from 1
    with suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return None


def lives(pid: int, start: float | None) -> bool | None:
    """Whether that process, and not a later one of its pid, runs here; None where it is hidden."""
    try:
        if not psutil.pid_exists(pid):
            return False
        if psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return False  # killed; its parent has not looked yet
    except psutil.NoSuchProcess:
        return None if psutil.pid_exists(pid) else False  # /proc may hide other users' processes
    except psutil.Error:
        return None
    now = start_of(pid)
    return None if now is None or start is None else now == start


def namespace() -> str:
    """What tells containers of one host name apart: pids are only comparable within it."""
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""
