"""Runs that are missing, and what they will cost by what was measured on this device."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from basin.report.paper.archive import Archive
from basin.report.paper.assembly import Outcome
from basin.report.paper.rates import Estimate, Rates, read_flops
from basin.report.paper.recipe import Recipe

UNITS = ((86400, "days"), (3600, "h"), (60, "min"))
"""In seconds, the largest first."""


@dataclass(frozen=True)
class Point:
    """A run that is not there, and the cells that read it."""

    words: tuple[str, ...]  # of the command line
    recipe: Recipe
    seed: int
    cells: tuple[str, ...]
    rank: int  # how many earlier seeds of the same cell there are

    @property
    def name(self) -> str:
        """Of the run."""
        return f"{self.recipe.run}-s{self.seed}"


class Costs:
    """What runs cost on one device. `benchmarks`: results/benchmarks of the project."""

    def __init__(self, archive: Archive, device: str, benchmarks: Path) -> None:
        self._unfinished = archive.unfinished
        self._rates = Rates(device, read_flops(benchmarks / "models.json"))
        self._rates.see(archive.records.values())
        self._rates.read_benchmarks(benchmarks)
        self._known: dict[str, Estimate] = {}  # by recipe: a table asks for many seeds

    def of(self, point: Point) -> Estimate:
        """What is left of a run: of one under way by itself, else by others of its kind."""
        recipe = point.recipe
        folder = self._unfinished.get((recipe.identity, point.seed))
        if folder is not None and recipe.epochs is not None:
            left = _left(folder, recipe.epochs)
            if left is not None:
                return Estimate(left, "the run itself, which is under way")
        if recipe.run not in self._known:
            self._known[recipe.run] = self._rates.of(recipe)
        return self._known[recipe.run]


def missing(outcomes: Iterable[Outcome]) -> list[Point]:
    """Every run that a cell asks for and no one has made, each once."""
    found: dict[tuple[str, int], Point] = {}
    for outcome in outcomes:
        if outcome.experiment is None:
            continue
        for seed in outcome.missing:
            recipe, cell = outcome.experiment.recipe, outcome.cell
            words = (f"experiment={cell.experiment}", *cell.overrides, f"seed={seed}")
            known = found.get((recipe.identity, seed))
            cells = (*(known.cells if known else ()), cell.key)
            rank = min(cell.seeds.index(seed), known.rank if known else len(cell.seeds))
            found[recipe.identity, seed] = Point(
                known.words if known else words, recipe, seed, cells, rank
            )
    return list(found.values())


def in_order(points: Sequence[Point], costs: Costs) -> list[tuple[Point, Estimate]]:
    """First seeds first, then what serves most cells a second; unknown costs last of their seed."""
    priced = [(point, costs.of(point)) for point in points]

    def key(pair: tuple[Point, Estimate]) -> tuple[int, bool, float]:
        point, estimate = pair
        known = estimate.seconds is not None
        return point.rank, not known, (estimate.seconds or 0.0) / len(point.cells)

    return sorted(priced, key=key)


def within(priced: Sequence[tuple[Point, Estimate]], hours: float) -> list[tuple[Point, Estimate]]:
    """The first of them that a budget pays for; one of unknown cost is not begun."""
    chosen, left = [], hours * 3600
    for point, estimate in priced:
        if estimate.seconds is not None and estimate.seconds <= left:
            chosen.append((point, estimate))
            left -= estimate.seconds
    return chosen


def duration(seconds: float) -> str:
    """`24 s`, `5.25 min`, `659 days`: in the largest unit of which there are two."""
    size, unit = next((pair for pair in UNITS if seconds >= 2 * pair[0]), (1, "s"))
    amount = seconds / size
    return f"{amount:,.0f} {unit}" if amount >= 100 else f"{amount:.3g} {unit}"


def _left(folder: Path, epochs: float) -> float | None:
    file = folder / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.is_file() else []
    with suppress(ValueError, KeyError):  # a line that is being written
        last = json.loads(lines[-1] if lines else "{}")
        if last["epoch"]:
            return float(last["seconds"] / last["epoch"] * max(epochs - last["epoch"], 0))
    return None
