"""TensorBoard event files in the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basin.logger.harmless import Harmless
from basin.logger.protocol import flat


class TensorBoard:
    """Numbers of every evaluation by step; a continued run purges the steps that it repeats."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder / "tensorboard")
        self._attempt = Harmless("TensorBoard", "tensorboard")
        self._writer_class = self._attempt(self._load)
        self._writer: Any = None

    def epoch(self, line: dict[str, Any]) -> None:
        """One scalar for every number of the line."""
        self._attempt(self._write, line)

    def progress(self, line: dict[str, Any]) -> None:
        """Nothing: every number comes again with its epoch."""

    def finish(self, summary: dict[str, Any]) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._attempt(self._writer.close)

    def _load(self) -> Any:
        from torch.utils.tensorboard import SummaryWriter  # an extra, and slow to import

        return SummaryWriter

    def _write(self, line: dict[str, Any]) -> None:
        step = line["step"]
        if self._writer is None:
            self._writer = self._writer_class(self._folder, purge_step=step)
        for tag, value in flat(line).items():
            if isinstance(value, (int, float)) and tag != "step":
                self._writer.add_scalar(tag, value, global_step=step)
        self._writer.flush()
