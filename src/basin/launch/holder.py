"""Who holds a run folder: host, process, SLURM job, and a heartbeat."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from basin.core.files import to_json
from basin.launch.place import slurm_job
from basin.launch.process import lives, namespace, start_of
from basin.launch.slurm import job_ended


@dataclass(frozen=True)
class Holder:
    """What lock.json says."""

    token: str  # of one acquisition
    host: str
    namespace: str
    pid: int
    start: float | None  # of the process
    since: str  # wall time, for people
    slurm_job: str | None
    slurm_array: str | None  # job_task, as squeue shows it
    slurm_cluster: str | None
    slurm_restarts: int  # requeues of the job so far; the number of the job stays
    beats: int

    @property
    def described(self) -> str:
        """Process, host, time and job, for people."""
        job = f", SLURM job {self.slurm_array or self.slurm_job}" if self.slurm_job else ""
        return f"process {self.pid} on {self.host} since {self.since}{job}"

    def to_bytes(self) -> bytes:
        """The content of lock.json."""
        return (to_json(asdict(self), indent=2) + "\n").encode()


def this_process() -> Holder:
    """A new acquisition by this process."""
    pid = os.getpid()
    job, array = slurm_job()
    return Holder(
        token=secrets.token_hex(16),
        host=socket.gethostname(),
        namespace=namespace(),
        pid=pid,
        start=start_of(pid),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        slurm_job=job,
        slurm_array=array,
        slurm_cluster=os.environ.get("SLURM_CLUSTER_NAME"),
        slurm_restarts=int(os.environ.get("SLURM_RESTART_COUNT", "0")),
        beats=0,
    )


def parse(content: bytes) -> Holder | None:
    """The inverse of `to_bytes`; None where the content is not whole."""
    try:
        entries = json.loads(content)
        if not isinstance(entries["pid"], int):
            return None
        return Holder(**{field.name: entries[field.name] for field in fields(Holder)})
    except (ValueError, KeyError, TypeError):
        return None


def same_machine(holder: Holder, me: Holder) -> bool:
    """Whether the pid of the holder can be looked for, and signalled, from here."""
    return (holder.host, holder.namespace) == (me.host, me.namespace)


def has_ended(holder: Holder, me: Holder) -> bool | None:
    """Whether the holder's process is certainly gone; None where only its heartbeat can tell."""
    if same_machine(holder, me):
        alive = lives(holder.pid, holder.start)
        return None if alive is None else not alive
    if holder.slurm_job is None:
        return None
    clusters = {holder.slurm_cluster, me.slurm_cluster} - {None}
    if len(clusters) > 1:
        return None  # this squeue knows nothing of that job
    if holder.slurm_job == me.slurm_job and holder.slurm_restarts < me.slurm_restarts:
        return True  # the same job, before it was requeued
    return True if job_ended(holder.slurm_job) else None  # a running job's process may be gone
