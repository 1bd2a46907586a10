"""Several runs in one process (runtime.members) against the same runs one after the other.

Both are the whole loop: input, bookkeeping, forward, backward, update. A pair is `steps` updates of
every run on either side, either side first in turn; the ratio is that of aggregate images/s.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from first_stage import FirstStage, first_stage

from basin.core.protocols import Dataset
from basin.training.passes import Done, Pass
from basin.training.precision import set_flags
from basin.training.together import Answer, Asked, Member, Together
from basin.training.turns import Turns
from benchmarks.device_time import seconds_of
from benchmarks.images import RandomImages
from benchmarks.result import Measured, Result
from benchmarks.sides import Ours

IMAGES = 5120
"""Random ones of CIFAR-10's shape, of which all runs draw."""


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    members: int
    pairs: int
    steps: int  # of each run, in a timed segment
    models: Sequence[str]


class Apart:
    """benchmarks.sides.Side of runs, one after the other."""

    def __init__(self, runs: Sequence[Ours]) -> None:
        self._runs = runs

    def run(self, steps: int) -> None:
        """See Side."""
        for run in self._runs:
            run.run(steps)

    def loss(self) -> float:
        """Of the first run."""
        return self._runs[0].loss()


class Joint(Apart):
    """The same of the members of a process."""

    def __init__(self, runs: Sequence[Ours], places: Sequence[Place]) -> None:
        super().__init__(runs)
        self._places, self._together = places, Together()

    def run(self, steps: int) -> None:
        """See Side."""
        turns: Turns[Asked, Answer] = Turns(len(self._runs), self._together)
        failed: list[Exception] = []
        threads = torch.get_num_threads()

        def one(number: int) -> None:
            torch.set_num_threads(threads)
            try:
                with turns.taking_part():
                    self._places[number].member = Member(number, turns)
                    self._runs[number].run(steps)
            except Exception as error:
                failed.append(error)

        workers = [threading.Thread(target=one, args=(n,)) for n in range(len(self._runs))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failed:
            raise failed[0]


class Place:
    """training.passes.Compute of whichever member this run is at present."""

    member: Member | None = None

    def __call__(self, one: Pass) -> Done:
        """See Compute."""
        assert self.member is not None
        return self.member(one)


class _Once:
    """The same images for all."""

    def __init__(self) -> None:
        self._loaded = RandomImages(IMAGES).load()

    def load(self) -> Dataset:
        return self._loaded


def measure(amount: Amount, overrides: list[str]) -> Result:
    """Every model, in turn."""
    rows: list[Measured] = []
    notes: list[str] = []
    for model in amount.models:
        with tempfile.TemporaryDirectory() as folder:
            apart, joint, stage = _sides(Path(folder), model, amount.members, overrides)
            difference = agreement(apart, joint, steps=2)
            notes.append(f"{model}: losses of the first run differ by {difference:.1e} (relative)")
            rows += _rows(model, apart, joint, stage, amount)
    device = stage.parts.precision.device
    settings = {
        "members": amount.members,
        "batch": stage.settings["batch_size"],
        "precision": stage.parts.precision.name,
        "pairs": amount.pairs,
        "steps": amount.steps,
        "threads": torch.get_num_threads(),
    }
    return Result("members", device, settings, rows, notes)


def agreement(apart: Apart, joint: Apart, steps: int) -> float:
    """Largest relative difference of the first run's losses in the next steps."""
    largest = 0.0
    for _ in range(steps):
        for side in (apart, joint):
            side.run(1)
        largest = max(largest, abs(apart.loss() - joint.loss()) / abs(apart.loss()))
    return largest


def _sides(
    folder: Path, model: str, members: int, overrides: list[str]
) -> tuple[Apart, Joint, FirstStage]:
    images, places = _Once(), [Place() for _ in range(members)]
    words = [f"model={model}", "dataset=cifar10", "epochs=1000", *overrides]
    words.append(f"dataset.limit_train={IMAGES}")
    stages: list[FirstStage] = []
    for place in (*places, *[None] * members):
        seed = len(stages) % members
        stages.append(first_stage([*words, f"seed={seed}"], images, place))
    set_flags(stages[0].parts.precision.name, deterministic=False)
    runs = []
    for number, stage in enumerate(stages):
        own = folder / str(number)
        own.mkdir()
        runs.append(Ours(stage, own))
    return Apart(runs[members:]), Joint(runs[:members], places), stages[0]


def _rows(
    model: str, apart: Apart, joint: Apart, stage: FirstStage, amount: Amount
) -> list[Measured]:
    device = stage.parts.precision.device
    images = amount.members * amount.steps * stage.settings["batch_size"]
    speeds: dict[Apart, list[float]] = {apart: [], joint: []}
    for number in range(amount.pairs):
        for side in (apart, joint) if number % 2 == 0 else (joint, apart):
            speeds[side].append(images / seconds_of(side, amount.steps, device))
    ratios = [ours / one for one, ours in zip(*speeds.values(), strict=True)]
    return [
        Measured(f"{model}: one run at a time", speeds[apart], "images/s"),
        Measured(f"{model}: {amount.members} members", speeds[joint], "images/s"),
        Measured(f"{model}: members / one at a time", ratios, ""),
    ]
