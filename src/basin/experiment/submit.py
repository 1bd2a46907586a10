"""From checked points to queued jobs: what is finished or under way is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from basin.experiment.environment import code, code_root
from basin.experiment.frozen import FrozenJob, freeze
from basin.experiment.point import Point
from basin.launch.guard import exclusively
from basin.launch.snapshot import take
from basin.launch.state import RunState, look
from basin.launch.status import Status
from basin.launch.submission import Submission

Start = Callable[[Sequence[FrozenJob]], Iterator[tuple[str, str]]]
"""A launcher's part: the job (as it names it) and the log of each payload, as they are made."""


@dataclass(frozen=True)
class Launching:
    """Who submits, and what for."""

    launcher: str  # slurm, local, ...
    sweep: Path  # folder of the sweep
    start: Start


def submit(points: Sequence[Point], launching: Launching) -> list[RunState]:
    """Freeze and start the points that nothing goes on with; the state of every point, in order.

    Two submissions at a time into one results folder wait for each other, so that a point that
    both have is started by one.
    """
    folders = [point.folder.path.resolve() for point in points]
    with submitting(folders):
        wanted = [
            point
            for point, now in zip(points, look(folders), strict=True)
            if not now.live and (point.settings["rerun"] or now.state != "done")
        ]
        snapshots = {
            on: snapshot_for(launching.sweep) if on else None
            for on in {point.settings["runtime"]["snapshot"] for point in wanted}
        }
        jobs = [
            FrozenJob(str(freeze(point)), snapshots[point.settings["runtime"]["snapshot"]])
            for point in wanted
        ]
        start(jobs, launching)
    return look(folders)


def start(jobs: Sequence[FrozenJob], launching: Launching) -> None:
    """Give frozen runs to the launcher, inside of `submitting`."""
    for job in jobs:
        Status(Path(job.folder)).write("queued")  # before there is a job that may write its own
    for job, (number, log) in zip(jobs, launching.start(jobs), strict=True):
        Submission(
            launcher=launching.launcher,
            job=number,
            log=log,
            sweep=str(launching.sweep),
            snapshot=job.snapshot,
        ).write(Path(job.folder))


def submitting(folders: Sequence[Path]) -> ExitStack:
    """Hold every results folder, always in the same order."""
    with ExitStack() as taken:
        for root in sorted({folder.parent for folder in folders}):
            root.mkdir(parents=True, exist_ok=True)
            taken.enter_context(exclusively(root / ".submission"))
        return taken.pop_all()


def snapshot_for(sweep: Path) -> str:
    """The code of this process, copied beside the sweep."""
    commit, diff = code()
    return str(take(code_root(), sweep.parent / "code", {"commit": commit, "diff": diff}))
