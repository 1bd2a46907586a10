"""What every logger is: somewhere that the lines of a run go."""

from __future__ import annotations

from typing import Any, Protocol


class Logger(Protocol):
    """Lines are dictionaries of plain numbers and strings, nested where they belong together.

    A factory is called with those of `folder` (the run's), `run_id` (stable over restarts) and
    `config` (plain) that its constructor names.
    """

    def epoch(self, line: dict[str, Any]) -> None:
        """One evaluation: epoch, t, step, train: {loss[, error]}, solutions: {name: {part: {}}}."""
        ...

    def progress(self, line: dict[str, Any]) -> None:
        """Within an epoch: t, epochs, loss, error, lr, images_per_second, seconds_left."""
        ...

    def finish(self, summary: dict[str, Any]) -> None:
        """The last call; the summary is empty where the run is to go on later."""
        ...


def flat(line: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a/b": 1}; entries that are None are left out."""
    entries: dict[str, Any] = {}
    for key, value in line.items():
        if isinstance(value, dict):
            entries |= flat(value, f"{prefix}{key}/")
        elif value is not None:
            entries[f"{prefix}{key}"] = value
    return entries
