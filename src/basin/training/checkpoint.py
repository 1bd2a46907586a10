"""Checkpoint files: written whole or not at all, the one before kept until the next is complete."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from basin.core.files import write_atomically

FORMAT = 1
"""Of the dictionary in a checkpoint; a newer one is refused."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be continued from."""


class Checkpoints:
    """`last.pt` and `previous.pt` in a run folder: dictionaries of tensors and plain values."""

    def __init__(
        self,
        folder: Path,
        *,
        notice: Callable[[str], None],
        permit: Callable[[], None] = lambda: None,
    ) -> None:
        """`permit` raises where this process may no longer write to the folder."""
        self.last, self._previous = folder / "last.pt", folder / "previous.pt"
        self._next, self._notice, self._permit = folder / "next.pt", notice, permit

    @property
    def there(self) -> bool:
        """Whether there is a file of one, readable or not."""
        return any(path.exists() for path in (self.last, self._next, self._previous))

    def save(self, content: dict[str, Any]) -> None:
        """Write, flush, then rename: a kill or a full disk leaves the one before valid."""
        buffer = io.BytesIO()
        torch.save({**content, "format": FORMAT}, buffer)
        self._permit()
        write_atomically(self._next, buffer.getvalue())
        if self.last.exists():
            self.last.replace(self._previous)
        self._next.replace(self.last)

    def load(self) -> dict[str, Any] | None:
        """The newest complete checkpoint on the CPU; None where there never was one.

        Raises CheckpointError where there are files but none can be read, or one carries code.
        """
        there = [path for path in (self.last, self._next, self._previous) if path.exists()]
        for path in there:
            content = read(path)
            if content is not None:
                return content
            self._notice(f"{path} is truncated or damaged; trying the checkpoint before it")
        if there:
            names = ", ".join(str(path) for path in there)
            raise CheckpointError(
                f"none of {names} can be read; rerun=true trains anew and replaces them"
            )
        return None

    def readable(self) -> bool:
        """Whether there is one to continue from, or none at all."""
        try:
            self.load()
        except CheckpointError:
            return False
        return True

    def clear(self) -> None:
        """Remove every checkpoint (the end of a run, or `rerun=true`)."""
        for path in (self.last, self._next, self._previous):
            path.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any] | None:
    """The content of one file, None where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip() is not None
    except (zipfile.BadZipFile, OSError, EOFError):
        damaged = True
    if damaged:
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is refused: it holds pickled code, which a basin checkpoint never does"
            f" ({str(error).splitlines()[0][:200]}); remove it, or use rerun=true"
        ) from None
    except (RuntimeError, EOFError, OSError):
        return None
    if not isinstance(content, dict) or len(content) < 2:
        return None
    number = content.get("format")
    if not isinstance(number, int) or number > FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {number}, this version reads up to {FORMAT};"
            " continue the run with the version that wrote it"
        )
    return content
