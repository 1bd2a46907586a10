"""A logger that is a convenience ends no run: its first failure is a notice, and its last call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class Harmless:
    """Calls for one logger. The first that raises is told to the user; none is made after it."""

    def __init__(self, name: str, extra: str) -> None:
        self._name, self._extra = name, extra  # extra: the one of basin that installs it
        self.silent = False

    def __call__(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """What the action returns; None where it, or one before it, failed."""
        if self.silent:
            return None
        try:
            return action(*arguments)
        except Exception as error:  # of any kind: that is the point
            self.silent = True
            print(self._reason(error), file=sys.stderr, flush=True)
            return None

    def _reason(self, error: Exception) -> str:
        if isinstance(error, ImportError):
            return (
                f"{self._name} is not logged to ({error}); the run goes on without it."
                f' To have it: pip install "basin[{self._extra}]"'
            )
        first_line = (str(error).splitlines() or [""])[0]
        return (
            f"{self._name} failed ({type(error).__name__}: {first_line}); the run goes on without"
            " it, and metrics.jsonl holds everything"
        )
