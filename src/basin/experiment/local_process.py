"""The command of a process in the local pool: of one frozen run, or of several."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from basin.experiment.environment import code_root
from basin.experiment.frozen import FrozenJob
from basin.launch.pool import Task

Queue = list[tuple[FrozenJob, Path]]
"""Payloads and their logs, in order."""


def process_of(group: Queue) -> Task:
    """The process of one run, or of several; they write to the log of the first."""
    (first, log), *others = group
    if not others:
        return task(first, log)
    for _, other in others:
        other.parent.mkdir(parents=True, exist_ok=True)
        with other.open("a") as file:
            file.write(f"a member of the process that writes to {log.name}\n")
    folders = [job.folder for job, _ in group]
    return _python("basin.experiment.member_process", [first.snapshot or "-", *folders], first, log)


def task(job: FrozenJob, log: Path) -> Task:
    """The process of a payload."""
    snapshot = [job.snapshot] if job.snapshot else []
    return _python("basin.experiment.child", [job.folder, *snapshot], job, log)


def _python(module: str, arguments: Sequence[str], job: FrozenJob, log: Path) -> Task:
    """With the code of a payload first on the path."""
    source = Path(job.snapshot) / "src" if job.snapshot else code_root() / "src"
    path = os.pathsep.join(filter(None, (str(source), os.environ.get("PYTHONPATH"))))
    return Task([sys.executable, "-m", module, *arguments], {"PYTHONPATH": path}, log)
