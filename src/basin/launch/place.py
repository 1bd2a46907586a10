"""Where this process stands among those of one run, by what torchrun or srun told it."""

from __future__ import annotations

import os
import socket
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
SLURM = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST")
"""Those of a job step; a batch script's own variables say nothing of the processes in it."""
VARIABLES = (*TORCHRUN, *SLURM, "LOCAL_WORLD_SIZE")
"""All that make a process one of several; a process of its own is started without them."""
PORTS = range(10_000, 30_000)
"""Below those that systems give to connections of their own."""
TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Place:
    """One process. `method` is where the processes meet, as torch.distributed takes it."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on this machine
    method: str = "env://"


ALONE = Place()


def slurm_job(environ: Mapping[str, str] = os.environ) -> tuple[str | None, str | None]:
    """The number of the SLURM job around this process, and its name in an array, as `12_3`."""
    array, task = (environ.get(f"SLURM_ARRAY_{part}_ID") for part in ("JOB", "TASK"))
    return environ.get("SLURM_JOB_ID"), f"{array}_{task}" if array and task else None


def place(environ: Mapping[str, str] = os.environ) -> Place:
    """The place of this process: torchrun's, else srun's, else that of one process alone.

    Raises ValueError where srun's processes cannot learn where to meet.
    """
    if all(name in environ for name in TORCHRUN):
        rank, size, local = (int(environ[name]) for name in TORCHRUN[:3])
        return Place(rank, size, local)
    if all(name in environ for name in SLURM) and int(environ["SLURM_STEP_NUM_TASKS"]) > 1:
        rank, local, size = (int(environ[name]) for name in SLURM[:3])
        return Place(rank, size, local, f"tcp://{_address(environ)}:{_port(environ)}")
    return ALONE


def _address(environ: Mapping[str, str]) -> str:
    """The machine of rank 0: MASTER_ADDR where it is given, else the step's first."""
    if "MASTER_ADDR" in environ:
        return environ["MASTER_ADDR"]
    if environ.get("SLURM_STEP_NUM_NODES") == "1":
        return "127.0.0.1"
    nodes = environ["SLURM_STEP_NODELIST"]
    try:
        name = subprocess.run(
            ["scontrol", "show", "hostnames", nodes],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        ).stdout.split()[0]
        socket.getaddrinfo(name, None)
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        raise ValueError(
            f"the first of the nodes {nodes} cannot be reached by its name ({error}); set"
            " MASTER_ADDR to its address in the job's environment"
        ) from None
    return name


def _port(environ: Mapping[str, str]) -> int:
    """MASTER_PORT where it is given, else one that all processes of this step derive alike."""
    if "MASTER_PORT" in environ:
        return int(environ["MASTER_PORT"])
    names = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
    key = " ".join(environ.get(name, "") for name in names)
    return PORTS[zlib.crc32(key.encode()) % len(PORTS)]
