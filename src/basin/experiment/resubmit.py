"""Queue again what is missing or failed of a sweep, as it was frozen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra

from basin.experiment.frozen import NAME, FrozenJob
from basin.experiment.submit import Launching, snapshot_for, start, submitting
from basin.launch.state import RunState, look
from basin.launch.submission import read_submission
from basin.launch.table import Table, read_table


def resubmit(sweep: Path, *, new_code: bool) -> tuple[list[RunState], int]:
    """Give every run that is neither done nor under way to the sweep's launcher.

    new_code: with the code of now, not with that of the first submission. Returns the states of
    all points, and how many were given. Raises ValueError where the sweep's launcher froze nothing.
    """
    table = read_table(sweep)
    folders = [Path(row.folder) for row in table.rows]
    with submitting(folders):
        wanted = [now.folder for now in look(folders) if not now.live and now.state != "done"]
        if wanted and table.launcher == "local":
            raise ValueError(
                f"{sweep} ran in a local pool: the sweep's own command goes on with the"
                f" {len(wanted)} of {len(folders)} points that are left"
            )
        if bare := [folder for folder in wanted if not (folder / NAME).is_file()]:
            raise ValueError(
                f"{len(bare)} runs were not frozen ({bare[0]}, say, has no {NAME}): give the"
                " sweep's own command again"
            )
        jobs = [_job(folder) for folder in wanted]
        if new_code:
            jobs = [replace(job, snapshot=snapshot_for(sweep)) for job in jobs]
        if jobs:
            start(jobs, _launching(table, sweep))
    return look(folders), len(jobs)


def _job(folder: Path) -> FrozenJob:
    before = read_submission(folder)
    return FrozenJob(str(folder), before.snapshot if before else None)


def _launching(table: Table, sweep: Path) -> Launching:
    launcher: Any = hydra.utils.instantiate(table.parameters)
    return Launching(table.launcher, sweep, lambda jobs: launcher.start(jobs, sweep))
