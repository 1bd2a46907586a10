"""A check and the write that follows from it, with no other process in between."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from basin.core.files import naming

NO_FLOCK = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold flock on `path`, a file made for that alone; removing it later would let two in.

    A file system without flock gives no guard: a lock taken twice is then found at its next beat.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _flock(path, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # not left to close alone: a process forked meanwhile has the descriptor too
        _flock(path, descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _flock(path: Path, descriptor: int, operation: int) -> None:
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise naming(path, error) from error
