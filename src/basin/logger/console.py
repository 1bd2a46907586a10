"""The terminal: one progress bar; plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import Console as Terminal
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from basin.core.scores import headline
from basin.logger.protocol import flat


class Console:
    """A bar on a terminal; elsewhere a line an epoch and one each `interval_seconds` between.

    A terminal that went away, or a full disk under a redirected output, does not end the run.
    """

    def __init__(
        self, *, interval_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval, self._clock = interval_seconds, clock
        self._terminal = Terminal(highlight=False, markup=False, soft_wrap=True)
        self._rich = self._terminal.is_terminal and not self._terminal.is_dumb_terminal
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._printed = clock()

    def epoch(self, line: dict[str, Any]) -> None:
        """One line, above the bar."""
        self._print(epoch_text(line))

    def progress(self, line: dict[str, Any]) -> None:
        """Move the bar, or print a line where the last one is long ago."""
        if self._rich:
            self._draw(line)
        elif self._clock() - self._printed >= self._interval:
            self._print(f"epoch {line['t']:.2f}/{line['epochs']:g}  {progress_text(line)}")

    def finish(self, summary: dict[str, Any]) -> None:
        """Remove the bar and print the numbers of the summary."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if summary:
            self._print(pairs(flat(summary)))

    def _draw(self, line: dict[str, Any]) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("epoch {task.completed:.2f}/{task.total:g}"),
                BarColumn(),
                TextColumn("{task.description}"),
                console=self._terminal,
                transient=True,
            )
            self._task = self._bar.add_task("", total=line["epochs"])
            self._bar.start()
        self._bar.update(
            self._task,
            completed=line["t"],
            total=line["epochs"],
            description=progress_text(line),
        )

    def _print(self, text: str) -> None:
        self._printed = self._clock()
        with suppress(OSError):
            if self._rich:
                self._terminal.print(text)
            else:
                print(text, flush=True)


def epoch_text(line: dict[str, Any]) -> str:
    """The epoch, what training had, and the headline of each solution on each part."""
    shown = {"train/loss", "train/error", "lr"} | {
        f"solutions/{name}/{part}/{headline(scores)}"
        for name, parts in line.get("solutions", {}).items()
        for part, scores in parts.items()
    }
    chosen = {
        key.removeprefix("solutions/").replace("/", " "): value
        for key, value in flat(line).items()
        if key in shown
    }
    return f"epoch {line['epoch']:g}  {pairs(chosen)}"


def progress_text(line: dict[str, Any]) -> str:
    """What a log point knows."""
    known = {key: line[key] for key in ("loss", "error", "lr") if line.get(key) is not None}
    text = pairs(known)
    if line.get("images_per_second") is not None:
        text += f"  {line['images_per_second']:.0f} images/s"
    if line.get("seconds_left") is not None:
        text += f"  {duration(line['seconds_left'])} left"
    return text


def duration(seconds: float) -> str:
    """75 as 1:15, 3700 as 1:01:40."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def pairs(entries: dict[str, Any]) -> str:
    """`name value` with four digits, two spaces between."""
    return "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in entries.items()
    )
