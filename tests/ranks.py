"""Several processes of one group (gloo, on this machine) that compute the same function."""

from __future__ import annotations

import multiprocessing
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from commands import Command
from torch import distributed as dist


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _rank(number: int, size: int, port: int, queue: Any, function: Any, arguments: Any) -> None:
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=address, rank=number, world_size=size)
    result = function(*arguments)
    queue.put((number, pickle.dumps(result)))  # by value: this process ends before it is read
    dist.barrier()
    dist.destroy_process_group()


def on_ranks(size: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What the function (of a module) returns on each rank, in order."""
    context = multiprocessing.get_context("forkserver")
    queue, port = context.Queue(), unused_port()
    processes = [
        context.Process(target=_rank, args=(i, size, port, queue, function, arguments))
        for i in range(size)
    ]
    for process in processes:
        process.start()
    results = dict(queue.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return [pickle.loads(results[i]) for i in range(size)]


def torchrun(size: int, *arguments: str, output: Path, **options: Any) -> list[Command]:
    """`torchrun --nproc-per-node=SIZE train.py ARGUMENTS`, without torchrun's own process.

    options: of `Command`, for rank 0.
    """
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": unused_port(), "WORLD_SIZE": size}
    places = [{"RANK": rank, "LOCAL_RANK": rank, **meeting} for rank in range(size)]
    return _started(places, arguments, output, options)


def srun(size: int, *arguments: str, output: Path) -> list[Command]:
    """`srun --ntasks=SIZE python train.py ARGUMENTS` on one node, without SLURM."""
    step = {"SLURM_STEP_NUM_TASKS": size, "SLURM_STEP_NUM_NODES": 1, "SLURM_STEP_NODELIST": "n1"}
    step["MASTER_PORT"] = unused_port()
    places = [{"SLURM_PROCID": rank, "SLURM_LOCALID": rank, **step} for rank in range(size)]
    return _started(places, arguments, output, {})


def _started(places: Any, arguments: Any, output: Path, options: dict[str, Any]) -> list[Command]:
    return [
        Command(
            *arguments,
            output=output.with_name(f"{output.name}.{rank}"),
            variables={name: str(value) for name, value in place.items()},
            **(options if rank == 0 else {}),
        )
        for rank, place in enumerate(places)
    ]
