"""JSON lines: metrics.jsonl, one object an evaluation, cut back to what a checkpoint knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from basin.core.files import naming, to_json


class JsonLines:
    """Appends one line an evaluation; no line is ever torn, whatever the disk or a kill does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rewind(self._size())

    def epoch(self, line: dict[str, Any]) -> None:
        """Append the line, or raise OSError and leave the file as it was."""
        before = self._size()
        try:
            with self._path.open("ab") as file:
                file.write((to_json(line) + "\n").encode())
        except OSError as error:
            if self._path.exists():
                os.truncate(self._path, before)
            raise naming(self._path, error) from error

    def progress(self, line: dict[str, Any]) -> None:
        """Nothing: what is between evaluations is not kept."""

    def finish(self, summary: dict[str, Any]) -> None:
        """Nothing: every line is already in the file."""

    def position(self) -> int:
        """Bytes in the file, now on the disk, so that no checkpoint knows more than it holds."""
        if not self._path.exists():
            return 0
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        return self._size()

    def rewind(self, position: int) -> int:
        """Cut back to a `position()`, and to whole lines; returns the bytes missing before it."""
        if not self._path.exists():
            return position
        kept = self._path.read_bytes()[:position]
        whole = kept.rfind(b"\n") + 1
        if whole != self._size():
            os.truncate(self._path, whole)
        return position - whole

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0
