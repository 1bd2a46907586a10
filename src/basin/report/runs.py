"""What a run folder tells, of a finished run or of one that is under way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basin.core.scores import headline


@dataclass(frozen=True)
class Run:
    """One run folder, read."""

    path: Path
    settings: dict[str, Any]  # config.yaml
    lines: list[dict[str, Any]]  # metrics.jsonl
    record: dict[str, Any] | None  # record.json; None while the run is not finished

    def curve(self, *keys: str, against: str = "epoch") -> tuple[list[float], list[float]]:
        """Positions and the values there of one entry of the lines, such as `train`, `loss`."""
        points = [(AXES[against].of(line), entry(line, *keys)) for line in self.lines]
        there = [(position, value) for position, value in points if value is not None]
        return [position for position, _ in there], [value for _, value in there]

    @property
    def solutions(self) -> list[str]:
        """Names of the solutions that were evaluated, in the order of their appearance."""
        return list(dict.fromkeys(name for line in self.lines for name in line["solutions"]))


@dataclass(frozen=True)
class Axis:
    """What curves are drawn over."""

    label: str
    of: Callable[[dict[str, Any]], float]  # a line's position


def _work(line: dict[str, Any]) -> float:
    """An optimizer's own count where it has one; a forward pass is a third of a gradient."""
    plain = line["gradient_evaluations"] + line.get("forward_only", 0.0) / 3
    return float(line.get("work_units", plain))


AXES = {
    "epoch": Axis("epoch", lambda line: float(line["epoch"])),
    "work": Axis("work (gradients of the whole network on all examples)", _work),
}
"""By name; epochs, or the work of a fair comparison."""


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The complete lines of metrics.jsonl; none where there is no file yet."""
    if not file.exists():
        return []
    whole = file.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def entry(line: dict[str, Any], *keys: str) -> Any:
    """A nested entry; None where there is none."""
    value: Any = line
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def metrics(runs: Sequence[Run]) -> list[str]:
    """Headlines of the runs' test scores, each once: `error` of classifications."""
    parts = [part for run in runs for line in run.lines for part in line["solutions"].values()]
    return list(dict.fromkeys(headline(part["test"]) for part in parts))
