"""runtime.members: which points of a sweep are trained in one process, a pass of all at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from basin.experiment.point import Point
from basin.experiment.settings import SEEDS, Settings
from basin.training.passes import Compute

OWN = ("seed", *SEEDS, "lr", "weight_decay", "name")
"""Run-level fields in which members may differ."""
OWN_NUMBERS = ("optimizer", "schedule")
"""Groups of which every number may differ: each member has its own optimizer and schedules."""

One = TypeVar("One")


@dataclass(frozen=True)
class Membership:
    """A run's place among those of its process."""

    compute: Compute  # of its minibatches, with the others'
    members: int  # that began together
    interrupted: Callable[[], int]  # as training.bookkeeping.Bookkeeping's, of the whole process


def most(settings: Settings) -> int:
    """How many runs a process may train; 1 without the option."""
    return settings["runtime"]["members"] or 1


def grouped(jobs: Sequence[tuple[One, Point]]) -> list[list[One]]:
    """Jobs, each with its point, by processes: in order, none larger than its points say."""
    groups: list[list[One]] = []
    last: dict[str, list[One]] = {}  # of each kind, the group that may have room
    for job, point in jobs:
        kind = json.dumps([_shared(point.settings), *map(_shared, point.stages.values())])
        if kind not in last or len(last[kind]) == most(point.settings):
            groups.append([])
            last[kind] = groups[-1]
        last[kind].append(job)
    return groups


def _shared(settings: Settings) -> dict[str, Any]:
    """What members must have in common."""
    return {
        key: _without_numbers(value) if key in OWN_NUMBERS else value
        for key, value in settings.items()
        if key not in OWN
    }


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_numbers(item) for item in value]
    return 0 if isinstance(value, (int, float)) and not isinstance(value, bool) else value
