"""The stages of one run in turn, each from its checkpoint where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from basin.core.protocols import Dataset, Optimizer, Stage
from basin.experiment import build
from basin.experiment.assembly import Assembly
from basin.experiment.continuation import Continuation
from basin.experiment.job import Job
from basin.training.bookkeeping import Bookkeeping, Output
from basin.training.loop import fit
from basin.training.meter import Intervals
from basin.training.precision import Precision
from basin.training.reporting import Evaluator
from basin.training.snapshot import Parts, load_optimizer, restore


@dataclass
class Outcome:
    """What training leaves for the record."""

    parts: Parts
    evaluator: Evaluator
    around: Bookkeeping
    dataset: Dataset


class Sink(Output, Protocol):
    """Where the lines and checkpoints of all stages go."""

    def position(self) -> int:
        """Of the end of the lines that were written."""


def execute(job: Job, output: Sink, before: Continuation) -> Outcome:
    """Train every stage that is not behind us, and score and keep every solution at the end."""
    assembly = Assembly(
        job.settings,
        job.plan,
        device=job.device,
        precision=Precision(before.precision, job.device),
    )
    model, evaluator = assembly.model(), assembly.evaluator()
    optimizer: Optimizer | None = None
    seconds = start = 0.0
    for index, (name, settings) in enumerate(job.stages.items()):
        assembly.seed(index)
        transfer = build.transfer(settings)
        if transfer is not None:
            model = assembly.place(transfer(model))
        length, own = job.plan.epochs[name], settings["stage"]
        if not before.is_behind(index):
            parts = assembly.parts(
                settings, index, Stage(length, start, own["clock"] == "run"), model
            )
            content = before.of(index)
            if content is not None:
                restore(parts, content)
                evaluator.best, seconds = content["best"], content["seconds"]
            elif optimizer is not None and own["optimizer_state"] == "keep":
                load_optimizer(parts.state.optimizer, optimizer.state_dict(), fields=False)
            around = Bookkeeping(
                parts,
                evaluator,
                intervals=_intervals(job),
                output=output,
                interrupted=job.interrupted,
                header=partial(before.header, index, output.position),
            )
            around.meter.seconds = seconds
            fit(parts.state, parts.closure, around)
            seconds, optimizer = around.meter.seconds, parts.state.optimizer
        start += length
    if not evaluator.kept:  # the process that ended the training was killed before its record
        counters = parts.state.counters
        counted = counters.forward_only
        around.evaluate(keep=True)
        counters.forward_only = counted
    return Outcome(parts, evaluator, around, assembly.dataset)


def _intervals(job: Job) -> Intervals:
    clock, settings = job.plan.clock, job.settings
    return Intervals(
        evaluate=clock.epochs(settings["evaluate_every"]),
        checkpoint=clock.epochs(settings["runtime"]["checkpoint_every"]),
    )
