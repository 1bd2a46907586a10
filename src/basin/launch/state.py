"""What has become of a run: its status.json, held against SLURM and against its process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from basin.launch.holder import Holder, has_ended, parse, this_process
from basin.launch.slurm import JobView, Queue
from basin.launch.status import read_status
from basin.launch.submission import Submission, read_submission


class Found(NamedTuple):
    """A state, whether anything goes on by itself, and why."""

    state: str
    live: bool = False
    note: str = ""


@dataclass(frozen=True)
class RunState:
    """queued, running, preempted, done, failed or running elsewhere, and why."""

    folder: Path
    state: str
    live: bool  # whether a job or a process goes on with it, or will, by itself
    note: str
    status: dict[str, Any]  # status.json
    submission: Submission | None


def look(folders: Iterable[Path]) -> list[RunState]:
    """The states of many runs, with one question to SLURM."""
    read = [_read(folder) for folder in folders]
    queue = Queue(job for now in read for job in _jobs(now.status, now.submission))
    return [_judge(now, queue) for now in read]


class Read(NamedTuple):
    """What is in a run folder."""

    folder: Path
    status: dict[str, Any]
    submission: Submission | None = None
    recorded: bool = False  # record.json is there


def _read(folder: Path) -> Read:
    try:
        recorded = (folder / "record.json").exists()
        return Read(folder, _status(folder), read_submission(folder), recorded)
    except OSError as error:  # no folder any more, or nobody may read it: hides no other run
        unreadable = f"{folder} cannot be read: {error.strerror}"
        return Read(folder, {"state": "failed", "error": unreadable})


def _status(folder: Path) -> dict[str, Any]:
    try:
        return read_status(folder) or {}
    except json.JSONDecodeError:  # a file system that loses what was renamed
        return {}


def _jobs(status: dict[str, Any], submission: Submission | None) -> list[str]:
    own = [status["slurm_job"]] if status.get("slurm_job") else []
    given = [submission.job] if submission and submission.launcher == "slurm" else []
    return own + given


def _judge(read: Read, queue: Queue) -> RunState:
    folder, status, submission, recorded = read
    said = status.get("state", "queued")
    jobs = _jobs(status, submission)
    if recorded and said != "queued":  # else it is to be trained anew
        found = Found("done")
    elif said == "failed":
        found = Found("failed", note=status.get("error", ""))
    elif not jobs:
        found = _by_process(folder, said)
    else:  # who runs wrote its own job down; who waits was given one
        found = _by_job(said, queue[jobs[-1] if said == "queued" else jobs[0]])
        holder = _holder(folder) if found.state == "failed" else None
        if holder and has_ended(holder, this_process()) is False:  # certainly, on this machine
            found = Found("running elsewhere", live=True, note=holder.described)
    return RunState(folder, *found, status, submission)


def _by_job(said: str, view: JobView | None) -> Found:
    if view is None:
        return Found(said, live=True, note="SLURM does not answer")
    if view.waits:
        return Found("queued" if said == "queued" else "preempted", live=True, note=view.reason)
    if not view.ended:
        return Found(said, live=True, note="" if said == "running" else "starting")
    if said == "preempted":
        return Found(said, note=f"stopped, and not queued ({view.state})")
    when = "before the run began" if said == "queued" else "without a word from the run"
    return Found("failed", note=f"its job ended {when} ({view.state})")


def _by_process(folder: Path, said: str) -> Found:
    """Of a run that no job was given."""
    if said == "queued":
        return Found(said, note="not submitted")
    if said == "preempted":
        return Found(said, note="stopped")
    holder = _holder(folder)
    if holder is None or has_ended(holder, this_process()):
        return Found("failed", note="its process is gone")
    return Found(said, live=True)


def _holder(folder: Path) -> Holder | None:
    """The process that holds a folder, or held it last; None where none says so."""
    try:
        return parse((folder / "lock.json").read_bytes())
    except OSError:
        return None
