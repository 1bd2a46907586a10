"""Ways of executing a step, timed side by side on networks and images that are thrown away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import median

import torch

from basin.core.protocols import Dataset, StepSkipped
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.experiment.assembly import Assembly
from basin.experiment.devices import wait
from basin.experiment.job import Job, tell
from basin.experiment.way import Way
from basin.training.precision import Precision

ROUNDS = (3, 30)
"""At least and at most so many timed steps of each way; more than the least only in SECONDS."""
SECONDS = 1.0
WARM_UP = {False: 1, True: 3}
"""Steps before that, eager and compiled: a CUDA graph is run, captured, and played once."""


@dataclass(frozen=True)
class Timed:
    """What a way costs."""

    step: float  # seconds: a minibatch, forward and backward, without the update
    start: float  # seconds that compiling one shape adds to the first steps; 0 for eager


class Trial:
    """A network of a run, executed in one way on minibatches of noise. Nothing updates it."""

    def __init__(self, job: Job, way: Way) -> None:
        batch_size, device = job.plan.clock.batch_size, job.device
        noise = _Noise(job.plan.dataset.facts, batch_size)
        clocks = dict.fromkeys(job.plan.clocks, replace(job.plan.clock, examples=batch_size))
        plan = replace(job.plan, dataset=noise, clocks=clocks)
        precision = Precision(job.precision, device)
        assembly = Assembly(job.settings, plan, device=device, precision=precision, way=way)
        stage = next(iter(job.stages.values()))
        self._closure = assembly.closure(stage, 0, assembly.model())
        self._device = device
        self.seconds: list[float] = []
        first = sum(self._once() for _ in range(WARM_UP[way.compile is not False]))
        self._first = first if way.compile is not False else 0.0

    def step(self) -> None:
        """One more timed step."""
        self.seconds.append(self._once())

    def result(self) -> Timed:
        """Of all that were timed."""
        step = median(self.seconds)
        return Timed(step, max(0.0, self._first - WARM_UP[True] * step) if self._first else 0.0)

    def _once(self) -> float:
        started = time.perf_counter()
        self._closure.resample()
        with suppress(StepSkipped):  # fp16's scale is still to be found
            self._closure()
        wait(self._device)
        return time.perf_counter() - started


def race(job: Job, ways: Sequence[Way]) -> dict[Way, Timed]:
    """Each way's time, in turns, so that what else the machine does falls on all alike.

    torch's generators are as before. A way that fails, as a compiler may, is left out with a
    notice; it is an error where it is the job's own.
    """
    cuda = [job.device] if job.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        trials = _trials(job, ways)
        started = time.perf_counter()
        for number in range(ROUNDS[1]):
            if number >= ROUNDS[0] and time.perf_counter() - started > SECONDS:
                break
            for trial in trials.values():
                trial.step()
    timed = {way: trial.result() for way, trial in trials.items()}
    del trials
    if any(way.compile is not False for way in ways):
        torch.compiler.reset()
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(job.device)
    return timed


def _trials(job: Job, ways: Sequence[Way]) -> dict[Way, Trial]:
    trials = {}
    for way in ways:
        try:
            trials[way] = Trial(job, way)
        except RuntimeError as error:
            if way == job.way:
                raise
            tell(f"runtime.autotune leaves out {way}: {str(error).partition(chr(10))[0]}")
    return trials


@dataclass(frozen=True)
class _Noise:
    """A minibatch of a data set's shape in the place of its description."""

    facts: Facts
    num: int

    def load(self) -> Dataset:
        """Draw it; all parts are the same."""
        channels, height, width = self.facts.shape
        images = torch.randint(0, 256, (self.num, channels, height, width), dtype=torch.uint8)
        if self.facts.images.is_floating_point:
            images = torch.randn(self.num, channels, height, width)
        part = Resident(images, torch.arange(self.num) % self.facts.num_classes)
        names = tuple(map(str, range(self.facts.num_classes)))
        constants = [(0.5,) * channels, (0.25,) * channels]
        return Dataset(part, None, part, names, self.facts.shape, constants[0], constants[1])
