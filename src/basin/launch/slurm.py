"""What SLURM says of jobs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "GONE",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "TIMEOUT",
    }
)
"""States of a job that does not come back; GONE is ours: SLURM knows the job no more."""
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class JobView:
    """One job, as squeue or sacct shows it."""

    state: str
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether it does not come back by itself."""
        return self.state in ENDED

    @property
    def waits(self) -> bool:
        """Whether no process of it runs, but will: queued, or requeued under the same number."""
        return self.state == "PENDING"


GONE = JobView("GONE")


class Queue:
    """One look at many jobs. `answers`: whether SLURM could be asked at all."""

    def __init__(self, jobs: Iterable[str]) -> None:
        """Jobs as SLURM names them, `12` or `12_3`."""
        wanted = set(jobs)
        self.answers = True
        self._views: dict[str, JobView] = {}
        if wanted:
            self._ask_squeue(wanted)
            missing = {job for job in wanted if job not in self._views}
            if self.answers and missing:
                self._ask_sacct(missing)

    def __getitem__(self, job: str) -> JobView | None:
        """A job; None where SLURM did not answer.

        One that neither squeue nor sacct has is GONE: SLURM forgets none that waits or runs.
        """
        view = self._views.get(job)
        return view if view is not None else (GONE if self.answers else None)

    def _ask_squeue(self, jobs: set[str]) -> None:
        answer = _ask("squeue", "-h", "-r", "-t", "all", "-o", "%i|%A|%T|%r", "-j", _numbers(jobs))
        unknown = answer is not None and "Invalid job id" in answer.stderr
        self.answers = answer is not None and (answer.returncode == 0 or unknown)
        for line in answer.stdout.splitlines() if answer and self.answers else ():
            name, number, state, reason = line.split("|", 3)
            self._views[name] = self._views[number] = JobView(
                state, "" if reason == "None" else reason
            )

    def _ask_sacct(self, jobs: set[str]) -> None:
        """Of jobs that squeue has forgotten; without accounting they stay so."""
        answer = _ask("sacct", "-n", "-P", "-X", "-o", "JobID,JobIDRaw,State", "-j", _numbers(jobs))
        if answer is None or answer.returncode != 0:
            return
        for line in answer.stdout.splitlines():
            name, number, state = line.split("|", 2)
            view = JobView(state.split()[0])
            for key in (name, number):
                self._views.setdefault(key, view)


def job_ended(job: str) -> bool | None:
    """Whether no process of a job runs; None where there is no SLURM, or no answer."""
    answer = _ask("squeue", "-h", "-j", job, "-o", "%T")
    if answer is None:
        return None
    if answer.returncode != 0:
        return True if "Invalid job id" in answer.stderr else None  # forgotten, or no contact
    # an array leader lists all its tasks
    return all(state in {*ENDED, "PENDING"} for state in answer.stdout.split())


def being_preempted(job: str) -> bool:
    """Whether a job is in its grace time before it makes room for another."""
    answer = _ask("scontrol", "show", "job", "-o", job)
    words = answer.stdout.split() if answer else []
    times = [word for word in words if word.startswith("PreemptTime=")]
    return any(time != "PreemptTime=None" for time in times)


def cancel(jobs: Iterable[str]) -> None:
    """Ask SLURM to end jobs: running ones get SIGTERM, and checkpoint. ValueError where it cannot.

    A few hundred at a time: a command line has its limits.
    """
    every = list(jobs)
    for first in range(0, len(every), 200):
        answer = _ask("scancel", *every[first : first + 200])
        if answer is None or answer.returncode != 0:
            said = answer.stderr.strip() if answer else "no answer"
            raise ValueError(f"scancel failed ({said}); the jobs may still run")


def max_array_size() -> int:
    """How many jobs an array of this cluster may have."""
    answer = _ask("scontrol", "show", "config")
    for line in answer.stdout.splitlines() if answer else ():
        name, _, value = line.partition("=")
        if name.strip() == "MaxArraySize":
            return int(value)
    return 1000  # SLURM's own default, less one


def _numbers(jobs: set[str]) -> str:
    """Arrays are asked for as a whole: 1,000 tasks would be too long a command line."""
    return ",".join(sorted({job.partition("_")[0] for job in jobs}))


def _ask(*command: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
