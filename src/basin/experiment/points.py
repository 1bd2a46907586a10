"""All points of a sweep, checked before any of them starts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from hydra.errors import HydraException
from torch import nn

from basin.experiment.check import Plan, check, flops_of
from basin.experiment.composer import Composer
from basin.experiment.job import tell
from basin.experiment.members import most
from basin.experiment.members_check import check_members, refuse_members
from basin.experiment.point import Point
from basin.experiment.settings import SEEDS

FOREIGN = re.compile(r"-|[+~]*hydra[./@=]|[+~]*hydra$")
"""Words that are no overrides of a run: flags, and settings of Hydra and its plugins."""


class BadPoint(NamedTuple):
    """One point that cannot be run: all its words, and why."""

    words: Sequence[str]
    cause: Exception


class BadPoints(ValueError):
    """Points of a sweep that cannot be run; none of the sweep is."""

    def __init__(self, errors: dict[str, BadPoint], total: int) -> None:
        super().__init__(f"{len(errors)} of {total} points cannot be run")
        self.errors, self.total = errors, total  # by the point's own words


def points_of(file: Path, before: Sequence[str], composer: Composer) -> list[list[str]]:
    """Every point of a file's lines, each with the overrides `before` it."""
    points = list[list[str]]()
    for number, line in read_points(file):
        try:
            points += composer.expand([*before, *line])
        except (ValueError, HydraException) as error:
            raise ValueError(f"{file}, line {number}, {shlex.join(line)}: {error}") from None
    return points


def read_points(file: Path) -> list[tuple[int, list[str]]]:
    """A point a line, its overrides as a shell would take them; `#` begins a comment.

    Returns numbers of lines with their words. Raises ValueError for words that a point cannot have.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"hydra.sweeper.points={file} cannot be read: {error}") from None
    lines = list[tuple[int, list[str]]]()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: {error}") from None
        if foreign := [word for word in words if FOREIGN.match(word)]:
            raise ValueError(
                f"{file}, line {number}: {foreign[0]} is said of the sweep, not of a point; give it"
                " on the command line"
            )
        if words:
            lines.append((number, words))
    if not lines:
        raise ValueError(
            f"hydra.sweeper.points={file} has no points: give overrides, a point a line"
        )
    return lines


def own_words(points: Sequence[Sequence[str]]) -> list[str]:
    """What tells each point from the others: the words that not all of them have."""
    common = set(points[0]).intersection(*points[1:])
    return [shlex.join(word for word in words if word not in common) for words in points]


def prepare(
    words: Sequence[Sequence[str]],
    composer: Composer,
    *,
    load: bool,
    ranks: int,
    members: bool = False,
) -> list[Point]:
    """Compose and check every point, each run once. Raises BadPoints naming all that are bad.

    load: read each data set too, fetching what is not there, so that no job finds it missing.
    ranks: processes of each run.
    members: several may be trained in one process, where they ask for it.
    """
    checker, points = Checker(load=load, ranks=ranks, members=members), list[Point]()
    errors: dict[str, BadPoint] = {}
    for name, one in zip(own_words(words), words, strict=True):
        try:
            point = composer(one)
            checker(point)
            points.append(point)
        except Exception as error:
            errors[name or shlex.join(one)] = BadPoint(one, error)
    if errors:
        raise BadPoints(errors, len(words))
    different: dict[str, Point] = {}
    for point in points:
        different.setdefault(point.name, point)
    if len(different) < len(points):
        again = len(points) - len(different)
        tell(f"{again} of {len(points)} points are the run of another one, and not run again")
    return list(different.values())


class Checker:
    """`check` of many points, each distinct part of the work once."""

    def __init__(self, *, load: bool, ranks: int, members: bool) -> None:
        self._load, self._ranks, self._members = load, ranks, members
        self._checked: set[str] = set()
        self._loaded: dict[str, Exception | None] = {}
        self._flops: dict[str, int] = {}

    def __call__(self, point: Point) -> None:
        """Raise ValueError naming the first bad argument of a point."""
        key = json.dumps([_unseeded(point.settings), list(map(_unseeded, point.stages.values()))])
        if key in self._checked:
            return
        plan = check(point.settings, point.stages, ranks=self._ranks, flops=self._count(point))
        if not self._members:
            refuse_members(point.settings)
        elif most(point.settings) > 1:
            check_members(point, plan)
        self._read(point, plan)
        self._checked.add(key)

    def _count(self, point: Point) -> Callable[[nn.Module, tuple[int, int, int]], int]:
        key = json.dumps([point.settings["model"], point.settings["dataset"]])

        def count(network: nn.Module, shape: tuple[int, int, int]) -> int:
            if key not in self._flops:
                self._flops[key] = flops_of(network, shape)
            return self._flops[key]

        return count

    def _read(self, point: Point, plan: Plan) -> None:
        key = json.dumps(point.settings["dataset"])
        if self._load and key not in self._loaded:
            self._loaded[key] = None
            try:
                plan.dataset.load()
            except Exception as error:
                self._loaded[key] = error  # a download that failed is not tried for every point
        if before := self._loaded.get(key):
            raise before


def _unseeded(settings: dict[str, object]) -> dict[str, object]:
    """Settings less the seeds, on which no check depends."""
    return {key: value for key, value in settings.items() if key not in ("seed", *SEEDS)}
