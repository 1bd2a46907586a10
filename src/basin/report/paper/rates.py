"""Seconds of training that were measured on one device, and how much work they were."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from basin.report.paper.recipe import Recipe, work
from basin.report.paper.records import Record

BACKWARD = 3
"""Forward and backward, in forward passes."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of a run, or None, and what they go by."""

    seconds: float | None
    basis: str


@dataclass
class Rates:
    """What a device was seen to do. `flops`: of a forward pass of an image, by option of model."""

    device: str
    flops: dict[str, float]
    epochs: dict[str, list[float]] = field(default_factory=dict)  # seconds, by exact work
    images: dict[str, list[float]] = field(default_factory=dict)  # seconds each, by rough work
    runs: list[float] = field(default_factory=list)  # seconds a FLOP of finished runs
    steps: list[float] = field(default_factory=list)  # likewise of benchmarks of the loop

    def see(self, records: Iterable[Record]) -> None:
        """Finished runs of this device."""
        for record in records:
            cost, kinds = record.head["cost"], record.head.get("work")
            if record.head.get("device") != self.device or not kinds or not cost.get("epochs"):
                continue
            if cost.get("shared"):  # its seconds are those of other runs too
                continue
            self.epochs.setdefault(kinds["exact"], []).append(cost["seconds"] / cost["epochs"])
            if not cost.get("images_per_second") or not cost["passes"]:
                continue
            self.images.setdefault(kinds["rough"], []).append(1 / cost["images_per_second"])
            if flops := cost.get("forward_flops_per_image"):
                images = cost["images_per_second"] * cost["seconds"] / cost["passes"]
                done = BACKWARD * flops * images * cost["gradient_evaluations"]
                self.runs.append(cost["seconds"] / done)

    def read_benchmarks(self, folder: Path) -> None:
        """Medians of a step by `scripts/benchmark.py loop` on this device."""
        for file in sorted(folder.glob("loop_*.json")):
            found = json.loads(file.read_text())
            settings = found["settings"]
            flops = self.flops.get(settings["model"])
            if found["environment"]["device"] != self.device or flops is None:
                continue
            (step,) = (row["median"] for row in found["rows"] if row["name"] == "a step, ours")
            self.steps.append(step / 1000 / (BACKWARD * flops * settings["batch"]))

    def of(self, recipe: Recipe) -> Estimate:
        """By the nearest that was measured."""
        if recipe.epochs is None:
            return Estimate(None, "unknown: its length is in steps, of data that are not here")
        kinds = work(recipe.settings)
        if seconds := self.epochs.get(kinds["exact"]):
            return self._estimate(seconds, recipe.epochs, "")
        if recipe.images is None:
            return Estimate(None, "unknown: the size of its data set is not known here")
        total = recipe.epochs * recipe.images
        if seconds := self.images.get(kinds["rough"]):
            return self._estimate(seconds, total, ", with another optimizer, average or input")
        flops = recipe.own_flops if recipe.own_model else self.flops.get(recipe.model)
        if recipe.own_model and flops is None:
            return Estimate(None, "unknown: the FLOPs of its network cannot be counted here")
        if flops is None or not (self.runs or self.steps):
            return Estimate(None, f"unknown: nothing like it was run on {self.device}")
        total *= BACKWARD * flops
        if self.runs:
            return self._estimate(self.runs, total, ", scaled by FLOPs at one gradient a step")
        text = f"a step in results/benchmarks on {self.device}, scaled by FLOPs"
        return Estimate(median(self.steps) * total, f"{text} at one gradient a step")

    def _estimate(self, seconds: list[float], amount: float, how: str) -> Estimate:
        runs = f"{len(seconds)} run{'s' * (len(seconds) > 1)} on {self.device}"
        return Estimate(median(seconds) * amount, runs + how)


def read_flops(file: Path) -> dict[str, float]:
    """results/benchmarks/models.json; nothing where it is not there."""
    if not file.is_file():
        return {}
    flops: dict[str, Any] = json.loads(file.read_text())["forward_flops_per_image"]
    return flops
