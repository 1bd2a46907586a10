"""Asking processes of this machine to stop: runs at a checkpoint, pools with all that they run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from basin.core.files import write_atomically
from basin.launch.holder import has_ended, parse, this_process


@contextmanager
def announced(sweep: Path) -> Iterator[None]:
    """While this process works off a sweep, a file in the sweep's folder says so."""
    me = this_process()
    file = sweep / f"pool-{me.token[:8]}.json"
    write_atomically(file, me.to_bytes())
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def stop_pools(sweep: Path) -> int:
    """Stop whoever is announced in a sweep's folder; how many. ValueError as `stop`."""
    return sum([stop(file) for file in sweep.glob("pool-*.json")])


def stop(file: Path) -> bool:
    """SIGTERM to the process that a file names (launch.holder); False where it has ended.

    Raises ValueError where that is a process of another machine.
    """
    try:
        holder = parse(file.read_bytes())
    except FileNotFoundError:
        return False
    me = this_process()
    if holder is None or has_ended(holder, me):
        return False
    if (holder.host, holder.namespace) != (me.host, me.namespace):
        raise ValueError(f"{file} is of {holder.described}: cancel it there")
    os.kill(holder.pid, signal.SIGTERM)
    return True
