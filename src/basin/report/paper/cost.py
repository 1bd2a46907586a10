"""Runs that are missing, and what they will cost by what was measured on this device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from basin.report.paper.archive import Archive
from basin.report.paper.assembly import Outcome
from basin.report.paper.recipe import Recipe, work


@dataclass(frozen=True)
class Estimate:
    """Seconds of a run, or None, and what they go by."""

    seconds: float | None
    basis: str


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
    """Seconds of an epoch, from the records of one device."""

    def __init__(self, archive: Archive, device: str) -> None:
        self._unfinished, self._device = archive.unfinished, device
        self._measured: dict[str, list[float]] = {}
        self._work: dict[str, dict[str, str]] = {}  # by recipe: a table asks for many seeds
        for record in archive.records.values():
            cost, kinds = record.head["cost"], record.head.get("work")
            if record.head.get("device") == device and kinds and cost.get("epochs"):
                for kind in kinds.values():
                    per_epoch = cost["seconds"] / cost["epochs"]
                    self._measured.setdefault(kind, []).append(per_epoch)

    def of(self, point: Point) -> Estimate:
        """What is left of a run: of one under way by itself, else by others of its kind."""
        recipe = point.recipe
        folder = self._unfinished.get((recipe.identity, point.seed))
        if recipe.epochs is None:
            return Estimate(None, "unknown: its length is in steps, of data that are not here")
        if folder is not None and (left := _left(folder, recipe.epochs)) is not None:
            return Estimate(left, "the run itself, which is under way")
        if recipe.run not in self._work:
            self._work[recipe.run] = work(recipe.settings)
        kinds = self._work[recipe.run]
        for name, basis in (
            ("exact", ""),
            ("rough", ", with another optimizer, average or augmentation"),
        ):
            seconds = self._measured.get(kinds[name])
            if seconds:
                text = f"{len(seconds)} run{'s' * (len(seconds) > 1)} on {self._device}{basis}"
                return Estimate(median(seconds) * recipe.epochs, text)
        return Estimate(None, f"unknown: nothing like it was run on {self._device}")


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


def _left(folder: Path, epochs: float) -> float | None:
    from basin.report.runs import read_lines  # with torch

    lines = read_lines(folder / "metrics.jsonl")
    if not lines or not lines[-1]["epoch"]:
        return None
    return float(lines[-1]["seconds"] / lines[-1]["epoch"] * max(epochs - lines[-1]["epoch"], 0))
