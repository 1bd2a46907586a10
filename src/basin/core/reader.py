"""A command whose reader (head, a pager) goes away before everything is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

GONE = 141
"""What a shell reports of a program that SIGPIPE has ended: 128 + 13."""


def quietly(main: Callable[[], int]) -> int:
    """main's exit code, or 141 without a word once nobody reads what is printed.

    Not for commands that train: a run goes on without its reader.
    """
    if sys.stdout is None:  # a process that was started without one
        return main()
    before, sys.stdout = sys.stdout, _Printed(sys.stdout)
    try:
        code = main()
        sys.stdout.flush()
        return code
    except _Gone:
        return GONE
    finally:
        sys.stdout = before


class _Gone(BaseException):
    """No Exception: it passes by what turns an OSError into a message."""


class _Printed:
    """A text stream, with _Gone in place of BrokenPipeError."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._read():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._read():
            self._stream.flush()

    @contextmanager
    def _read(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)  # for what Python flushes when it ends
            os.dup2(null, self._stream.fileno())
            os.close(null)
            raise _Gone from None
