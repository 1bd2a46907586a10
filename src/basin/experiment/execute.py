"""The stages of one run in turn, each from its checkpoint where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from torch import Tensor

from basin.core.protocols import Dataset, Stage
from basin.experiment.assembly import Assembly
from basin.experiment.continuation import Continuation
from basin.experiment.job import Job
from basin.experiment.settings import Settings
from basin.experiment.stage_check import nothing_before
from basin.training.bookkeeping import Bookkeeping, Output
from basin.training.distributed import Ranks
from basin.training.loop import fit
from basin.training.meter import Intervals
from basin.training.precision import Precision
from basin.training.reporting import Evaluator
from basin.training.snapshot import Parts, load_optimizer, restore
from basin.training.tally import NonFinite
from basin.training.trace import Traced


@dataclass
class Outcome:
    """What a stage leaves for the next one, and the last for the record."""

    parts: Parts
    evaluator: Evaluator
    around: Bookkeeping
    dataset: Dataset

    @property
    def epochs(self) -> float:
        """Of this stage and those before it, as they were trained."""
        return self.parts.state.stage.start + self.parts.state.t

    def evaluate(self) -> None:
        """Keep scores, weights and logits of every solution, where they are not kept yet.

        They are not where the process that ended the training was killed after its checkpoint.
        """
        if not self.evaluator.kept:
            counters = self.parts.state.counters
            counted = counters.forward_only
            self.around.evaluate(keep=True)
            counters.forward_only = counted

    def solution(self, name: str) -> Mapping[str, Tensor]:
        """The state dictionary of a solution; core.protocols.Solutions."""
        self.evaluate()
        weights = self.evaluator.weights
        if name not in weights:
            raise ValueError(
                f"solution={name!r} has no weights of its own at the end of the stage before; there"
                f" are {', '.join(weights)}"
            )
        return weights[name]


class Sink(Output, Protocol):
    """Where the lines and checkpoints of all stages go."""

    def position(self) -> int:
        """Of the end of the lines that were written."""

    def keep_end(self, identity: str) -> None:
        """Keep the newest checkpoint, that of the end of the stage of this identity."""


def execute(job: Job, output: Sink, before: Continuation) -> Outcome:
    """Train every stage that is not behind us, and score and keep every solution at the end."""
    assembly = Assembly(
        job.settings,
        job.plan,
        device=job.device,
        precision=Precision(before.precision, job.device),
        way=job.way,
        compute=None if job.membership is None else job.membership.compute,
    )
    model, evaluator = assembly.model(), assembly.evaluator()
    outcome: Outcome | None = None
    for index, (name, settings) in enumerate(job.stages.items()):
        assembly.seed(index)
        solutions = nothing_before if outcome is None else outcome.solution
        if before.is_begun(index):
            solutions = _not_needed
        model = assembly.transferred(settings, model, solutions)
        if before.is_behind(index):
            continue
        stage = _stage(job, name, 0.0 if outcome is None else outcome.epochs)
        last = index == len(job.stages) - 1
        folder = job.folder.path if last else job.folder.path / name
        parts = assembly.parts(settings, index, stage, model, folder)
        evaluator.forget()
        around = Bookkeeping(
            parts,
            evaluator,
            intervals=_intervals(job, name),
            output=output,
            interrupted=job.interrupted,
            header=partial(before.header, index, output.position),
            alone=job.membership is None,
        )
        content = before.of(index)
        if content is not None:
            restore(parts, content)
            stage.start = content.get("start", 0.0)
            evaluator.best = content["best"]
            around.go_on(content["seconds"], content.get("joules"))
        elif outcome is not None:
            _carry(settings, outcome.parts, parts)
            around.go_on(outcome.around.meter.seconds, outcome.around.meter.joules)
        _fit(job, around, folder)
        before.end(name, parts.state.counters)
        own = before.trunk is None or before.trunk["stage"] != name
        if own and (not last or job.settings["runtime"]["keep_end"]):
            output.keep_end(job.identities[index])
        outcome = Outcome(parts, evaluator, around, assembly.dataset)
    assert outcome is not None  # a run has a stage, and the last one is never behind us
    outcome.evaluate()
    return outcome


def _fit(job: Job, around: Bookkeeping, folder: Path) -> None:
    """Train a stage. A NonFinite says what an epoch has cost until then."""
    state, closure = around.parts.state, around.parts.closure
    try:
        if job.settings["runtime"]["profile"] and Ranks().rank == 0:
            with Traced(around, folder, job.device) as traced:
                fit(state, closure, traced)
        else:
            fit(state, closure, around)
    except NonFinite as error:
        epochs = state.stage.start + closure.input.t
        if epochs:
            error.per_epoch = state.counters.examples / closure.input.order.num / epochs
        raise


def _not_needed(name: str) -> None:
    """The weights that a stage begins with are in its checkpoint."""


def _stage(job: Job, name: str, start: float) -> Stage:
    own = job.stages[name]["stage"]
    return Stage(job.plan.epochs[name], start, own["clock"] == "run", own["until"])


def _carry(settings: Settings, old: Parts, new: Parts) -> None:
    """The state that a new stage keeps of the one before it."""
    if settings["stage"]["optimizer_state"] == "keep":
        content, goes_on = old.state.optimizer.state_dict(), settings["stage"]["clock"] == "run"
        load_optimizer(new.state.optimizer, content, fields=False, cycles=goes_on)
    if settings["stage"]["averaging_state"] == "keep":
        for name, averager in new.state.averagers.items():
            averager.load_state_dict(old.state.averagers[name].state_dict())


def _intervals(job: Job, name: str) -> Intervals:
    clock, settings = job.plan.clocks[name], job.settings
    return Intervals(
        evaluate=clock.epochs(settings["evaluate_every"]),
        checkpoint=clock.epochs(settings["runtime"]["checkpoint_every"]),
    )
