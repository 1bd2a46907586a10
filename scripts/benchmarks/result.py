"""Measured values beside what is required of them: as a table, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch

from basin.core.files import write_atomically, write_json
from basin.experiment.devices import processor
from basin.experiment.environment import environment

FOLDER = Path(__file__).resolve().parents[2] / "results" / "benchmarks"


@dataclass(frozen=True)
class Measured:
    """One quantity, several times; `at_most` and `at_least` are what is required of its median."""

    name: str
    values: Sequence[float]
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def median(self) -> float:
        """Half of the values lie below it."""
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the values lies below the first, a quarter above the second."""
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        lower, _, upper = quantiles(self.values, n=4, method="inclusive")
        return lower, upper

    @property
    def met(self) -> bool:
        """Whether the median is as required; so where nothing is."""
        low = self.at_least is None or self.median >= self.at_least
        return low and (self.at_most is None or self.median <= self.at_most)

    @property
    def required(self) -> str:
        """The requirement and the verdict."""
        if self.at_most is None and self.at_least is None:
            return ""
        bound = f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"
        return f"{bound}: {'met' if self.met else 'NOT met'}"


@dataclass(frozen=True)
class Result:
    """A theme's quantities on one device."""

    theme: str
    device: torch.device
    settings: dict[str, Any]
    rows: list[Measured]
    notes: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        """Whether everything is as required."""
        return all(row.met for row in self.rows)

    def text(self) -> str:
        """A Markdown table."""
        lines = [
            "| quantity | median | quartiles | n | required |",
            "|---|---|---|---|---|",
        ]
        for row in self.rows:
            low, high = row.quartiles
            lines.append(
                f"| {row.name} | {row.median:.4g} {row.unit} | {low:.4g} to {high:.4g} |"
                f" {len(row.values)} | {row.required} |"
            )
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)])

    def write(self, folder: Path = FOLDER) -> list[Path]:
        """<theme>_<device>_<yyyy-mm>.md and .json; those of the same month are replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        machine = {**environment(self.device), "processor": processor(self.device)}
        month = datetime.now(UTC).strftime("%Y-%m")
        name = f"{self.theme}_{slug(machine['processor'])}_{month}"
        rows = [
            {
                "name": row.name,
                "unit": row.unit,
                "median": row.median,
                "quartiles": row.quartiles,
                "n": len(row.values),
                "values": list(row.values),
                "required": row.required,
            }
            for row in self.rows
        ]
        content = {
            "theme": self.theme,
            "settings": self.settings,
            "rows": rows,
            "notes": self.notes,
            "environment": machine,
        }
        write_json(folder / f"{name}.json", content)
        write_atomically(folder / f"{name}.md", self._page(machine))
        return [folder / f"{name}.md", folder / f"{name}.json"]

    def _page(self, machine: dict[str, Any]) -> str:
        settings = ", ".join(f"{key} {value}" for key, value in self.settings.items())
        changed = ", with uncommitted changes" if machine["diff_sha256"] else ""
        return (
            f"# {self.theme}: {machine['processor']}, {machine['cores']} cores\n\n"
            f"python scripts/benchmark.py {self.theme}; commit {machine['commit']}{changed},"
            f" torch {torch.__version__}, Python {machine['python']}, {machine['threads']} threads."
            f"\n{settings}\n\n{self.text()}\n"
        )


def slug(name: str) -> str:
    """`NVIDIA H200` as nvidia-h200."""
    letters = "".join(c if c.isalnum() else " " for c in name.lower())
    return "-".join(letters.split())
