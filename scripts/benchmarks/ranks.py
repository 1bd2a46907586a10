"""One run on several processes against one process: aggregate images/s.

Weak: each process has the batch of the one that is alone. Strong: they divide it. All run the whole
loop (benchmarks.sides.Ours) in a process group as torchrun's environment makes it: gloo on CPUs,
nccl on GPUs. They take turns, the others waiting meanwhile, and a ratio is that of a round.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from first_stage import composed

from basin.experiment import devices
from basin.experiment.settings import run_settings
from benchmarks.group import Loop, Told, processes
from benchmarks.loop import agreement
from benchmarks.result import Measured, Result


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    processes: int
    batch: int  # of the process alone
    threads: int  # of each process
    rounds: int
    steps: int  # of a timed segment


def measure(amount: Amount, overrides: list[str]) -> Result:
    """Both kinds of scaling, the weak one with BN of each process for itself too."""
    settings = run_settings(composed(["model=resnet20", *overrides]))
    more = amount.batch * amount.processes
    alone = [Loop("1 process", amount.batch)]
    several = [
        *(Loop("weak", more), Loop("weak, local BN", more, "local")),
        Loop("strong", amount.batch),
    ]
    with ExitStack() as stack:
        (one,) = stack.enter_context(processes(1, amount.threads, overrides, alone))
        group = processes(amount.processes, amount.threads, overrides, several)
        sides = stack.enter_context(group)
        difference = agreement(sides[-1], one, steps=3)
        seconds = _rounds([one, *sides], amount)
    return Result(
        "ranks",
        devices.pick(settings["device"]),
        {
            "model": settings["model"]["_target_"].rpartition(".")[2],
            "fields": " ".join(overrides) or "none",
            "processes": amount.processes,
            "batch of one": amount.batch,
            "threads of each": amount.threads,
            "images": "random",
            "rounds": amount.rounds,
            "steps": amount.steps,
        },
        _rows(seconds, amount),
        [f"strong: the first three losses are those of one process to {difference:.1e} (relative)"],
    )


def _rounds(sides: Sequence[Told], amount: Amount) -> dict[Loop, list[float]]:
    """Seconds of each loop's segments; their order is reversed in every other round."""
    seconds: dict[Loop, list[float]] = {side.loop: [] for side in sides}
    for number in range(amount.rounds + 1):  # the first warms up
        for side in sides if number % 2 == 0 else sides[::-1]:
            started = time.perf_counter()
            side.run(amount.steps)
            if number:
                seconds[side.loop].append(time.perf_counter() - started)
    return seconds


def _rows(seconds: dict[Loop, list[float]], amount: Amount) -> list[Measured]:
    """Of the loop alone, which is the first, and of the others beside it."""
    rates = {
        loop: [loop.batch * amount.steps / s for s in times] for loop, times in seconds.items()
    }
    (one, alone), *several = rates.items()
    rows = [Measured(one.name, alone, "images/s")]
    for loop, together in several:
        shares = [r / (amount.processes * a) for a, r in zip(alone, together, strict=True)]
        rows += [
            Measured(f"{loop.name}: {amount.processes} processes", together, "images/s"),
            Measured(f"{loop.name}: efficiency", shares, ""),
        ]
    return rows
