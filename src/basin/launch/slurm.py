"""What SLURM says of a job."""

from __future__ import annotations

import subprocess

ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PENDING",
        "PREEMPTED",
        "TIMEOUT",
    }
)
"""States in which no process of a job runs; PENDING: requeued under the same number."""
TIMEOUT_SECONDS = 10.0


def job_ended(job: str) -> bool | None:
    """Whether SLURM says that a job has ended; None where there is no SLURM, or no answer."""
    try:
        answer = subprocess.run(
            ["squeue", "-h", "-j", job, "-o", "%T"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode != 0:
        return True if "Invalid job id" in answer.stderr else None  # forgotten, or no contact
    return all(state in ENDED for state in answer.stdout.split())  # an array leader lists all tasks
