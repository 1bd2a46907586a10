"""Frozen runs as SLURM jobs: arrays by submitit, requeued into the same folder until they end."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from basin.experiment.frozen import FrozenJob
from basin.experiment.job import Stopped
from basin.launch.place import place
from basin.launch.slurm import being_preempted, max_array_size

SHARED = ("timeout_min", "nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node", "mem_gb")
OWN = ("partition", "account", "qos", "constraint", "signal_delay_s", "array_parallelism")
OTHER = ("max_num_timeout", "setup", "additional")
PATIENCE = 120.0  # seconds until SLURM has ended a job that it sent SIGTERM


@dataclass(frozen=True)
class SlurmJob:
    """What submitit pickles: the payload, and how it comes back after a signal."""

    job: FrozenJob

    def __call__(self) -> str:
        """Train; leaves by SystemExit where a signal has stopped it."""
        try:
            return self.job()
        except Stopped as stopped:
            if place().rank:  # an exit code would end rank 0 before it has asked for the next job
                return "as rank 0 says"
            if stopped.code == 128 + signal.SIGTERM:
                _await_end()
            sys.exit(stopped.code)

    def checkpoint(self) -> Any:
        """submitit's: what to run when the job starts again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def start(
    jobs: Sequence[FrozenJob], sweep: Path, options: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """Submit arrays of at most MaxArraySize jobs; yields each job's number and log, in order."""
    largest = max_array_size()
    if options.get("array_parallelism") is None:
        options = {**options, "array_parallelism": largest}  # submitit's default is 256
    for snapshot, same in groupby(jobs, key=lambda job: job.snapshot):
        executor = _executor(sweep, options, snapshot)
        queue = [SlurmJob(job) for job in same]
        for first in range(0, len(queue), largest):
            for made in _submit(executor, queue[first : first + largest]):
                yield made.job_id, str(made.paths.stdout)


def _submit(executor: Any, queue: list[SlurmJob]) -> list[Any]:
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        made: list[Any] = executor.submit_array(queue)
    except (FailedJobError, FailedSubmissionError) as error:
        raise ValueError(
            "hydra/launcher=slurm: sbatch failed, and what has no job is not queued"
            f" ({' '.join(str(error).split())}); when that is mended, the same command queues it"
        ) from None
    return made


def _executor(sweep: Path, options: dict[str, Any], snapshot: str | None) -> Any:
    try:
        import submitit
    except ImportError:
        raise ValueError('hydra/launcher=slurm needs submitit: pip install -e ".[slurm]"') from None
    if unknown := sorted(set(options) - {*SHARED, *OWN, *OTHER}):
        raise ValueError(
            f"hydra.launcher.{unknown[0]} is no option of hydra/launcher=slurm; what else sbatch"
            " takes goes by +hydra.launcher.additional.NAME=VALUE"
        )
    if shutil.which("sbatch") is None:
        raise ValueError("hydra/launcher=slurm: there is no sbatch here; is this a login node?")
    given = {key: value for key, value in options.items() if value is not None}
    executor = submitit.AutoExecutor(
        sweep / "jobs", "slurm", slurm_max_num_timeout=given["max_num_timeout"]
    )
    cpus = given.get("cpus_per_task")
    executor.update_parameters(
        name=sweep.name,
        stderr_to_stdout=True,  # one log a job
        slurm_setup=[*_environment(snapshot), *given["setup"]],
        slurm_additional_parameters=given["additional"],
        slurm_srun_args=[
            "--kill-on-bad-exit=1",  # one process of a run that fails ends the others
            *([f"--cpus-per-task={cpus}"] if cpus else []),  # srun takes not sbatch's
        ],
        **{key: given[key] for key in SHARED if key in given},
        **{f"slurm_{key}": given[key] for key in OWN if key in given},
    )
    return executor


def _environment(snapshot: str | None) -> list[str]:
    """Shell lines: the frozen code first, and no more threads than SLURM gives."""
    threads = 'export OMP_NUM_THREADS="${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-}}"'
    code = [] if snapshot is None else [f"{snapshot}/src"]
    path = [f"export PYTHONPATH={shlex.quote(one)}:$PYTHONPATH" for one in code]
    return [*path, f'[ -z "$SLURM_CPUS_PER_TASK" ] || {threads}']


def _await_end() -> None:
    """After SIGTERM and the checkpoint: a job that leaves by itself would not be queued again.

    SLURM ends it in a moment (scancel, scontrol requeue) or at the end of a preempted job's grace
    time, which need not be waited for. Where nobody does, the run stays stopped.
    """
    job = os.environ["SLURM_JOB_ID"]
    if being_preempted(job):
        subprocess.run(["scontrol", "requeue", job], check=False)
    time.sleep(PATIENCE)
