"""Processes that are one run, as torchrun's environment makes it, and step when they are told."""

from __future__ import annotations

import multiprocessing
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from first_stage import composed

from basin.experiment import devices
from basin.experiment.group import joined
from basin.experiment.settings import run_settings
from basin.launch.place import VARIABLES
from benchmarks.sides import Ours, built

IMAGES = 5120
"""Random ones of CIFAR-10's shape, of which all runs draw."""
PRELOAD = ["basin.experiment.run", "torch._dynamo"]
"""Imported once for all processes; the second by every optimizer of torch."""
SECONDS_TO_END = 20.0


@dataclass(frozen=True)
class Loop:
    """A run that processes can make together."""

    name: str
    batch: int  # of all processes
    bn_ranks: str = "synchronised"

    @property
    def fields(self) -> list[str]:
        """As for train.py."""
        return [f"batch_size={self.batch}", f"bn_ranks={self.bn_ranks}"]


class Told:
    """benchmarks.sides.Side of a loop whose processes wait to be told."""

    def __init__(self, pipes: Sequence[Connection], loop: Loop) -> None:
        self._pipes, self.loop, self._losses = pipes, loop, [0.0]

    def run(self, steps: int) -> None:
        """See Side; returns when every process has done it."""
        for pipe in self._pipes:
            pipe.send((self.loop.name, steps))
        self._losses = [pipe.recv() for pipe in self._pipes]

    def loss(self) -> float:
        """See Side; the mean over processes, each of which has a share of the same size."""
        return sum(self._losses) / len(self._losses)


@contextmanager
def processes(
    size: int, threads: int, overrides: list[str], loops: list[Loop]
) -> Iterator[list[Told]]:
    """As many processes in one group; a side for each of the loops that they have."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    pipes, started = [], []
    for rank in range(size):
        here, there = context.Pipe()
        place = {"RANK": rank, "LOCAL_RANK": rank, **meeting} if size > 1 else {}
        arguments = (place, threads, overrides, loops, there)
        started.append(context.Process(target=_process, args=arguments, daemon=True))
        started[-1].start()
        there.close()  # so that `here` notices the end of the process
        pipes.append(here)
    try:
        yield [Told(pipes, loop) for loop in loops]
    finally:
        for pipe in pipes:
            pipe.close()
        for process in started:
            process.join(SECONDS_TO_END)
            process.kill()


def _process(
    place: dict[str, object],
    threads: int,
    overrides: list[str],
    loops: list[Loop],
    told: Connection,
) -> None:
    """Build every loop, then run what is told until nobody is there to tell."""
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ |= {name: str(value) for name, value in place.items()}
    torch.set_num_threads(threads)
    name = run_settings(composed(overrides))["device"]
    with joined(name) as (here, ranks), tempfile.TemporaryDirectory() as folder:
        assert ranks.size == place.get("WORLD_SIZE", 1)
        device = devices.pick(name, here)
        if device.type == "cuda":
            torch.cuda.set_device(device)
        sides = {}
        for loop in loops:
            own = Path(folder, loop.name)
            own.mkdir()
            stage = built([*overrides, *loop.fields], IMAGES, with_real=False)
            sides[loop.name] = Ours(stage, own)
        with suppress(EOFError):
            while True:
                asked, steps = told.recv()
                sides[asked].run(steps)
                devices.wait(device)
                told.send(sides[asked].loss())
