"""Between updates: the clock, evaluation, log lines, checkpoints, and leaving when asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from basin.core.parameters import levels, norm
from basin.core.protocols import Batches, Describing, TrainState
from basin.core.random import derive, seed_generators
from basin.training.distributed import Agreed, Ranks
from basin.training.energy import energy_counter
from basin.training.loop import restart_
from basin.training.meter import Intervals, Meter, passed
from basin.training.reporting import Evaluator, Scores
from basin.training.snapshot import Parts, snapshot
from basin.training.tally import ADVICE, NonFinite

PROGRESS_SECONDS = 1.0
"""Between two log points inside an epoch; each waits for the device once."""


class Interrupted(Exception):
    """The run was asked to stop, on some rank, and its checkpoint is written."""

    def __init__(self, reason: int) -> None:
        super().__init__(reason)
        self.reason = reason  # what `interrupted` answered


class Output(Protocol):
    """Where lines and checkpoints go."""

    def epoch(self, line: dict[str, Any]) -> None:
        """One line an evaluation."""

    def progress(self, line: dict[str, Any]) -> None:
        """One line a log point."""

    def save(self, content: dict[str, Any]) -> None:
        """A checkpoint."""


class Bookkeeping:
    """training.loop.Surroundings of one stage."""

    def __init__(
        self,
        parts: Parts,
        evaluator: Evaluator,
        *,
        intervals: Intervals,
        output: Output,
        interrupted: Callable[[], int],
        header: Callable[[float], dict[str, Any]],
        alone: bool = True,
    ) -> None:
        """interrupted: 0, or why this rank should stop: a signal's number, or 1.

        alone: no other run shares this process, whose energy would be counted for both.
        """
        self.parts, self.evaluator = parts, evaluator
        counted = alone and Ranks().size == 1
        self.meter = Meter(energy_counter(parts.precision.device) if counted else None)
        self.batches: Batches = parts.closure.input.batches
        self._order = parts.closure.input.order
        self._intervals, self._output = intervals, output
        self._header, self._broken = header, False
        self._stops = Agreed(lambda: max(int(interrupted()), self._broken))
        self._saved = parts.state.t
        self._spoke = time.perf_counter()
        self.meter.start(self._order.cursors[0])

    def go_on(self, seconds: float, joules: float | None) -> None:
        """Continue what was spent before, where the order of examples has been put as it was."""
        self.meter.go_on(seconds, joules)
        self.meter.start(self._order.cursors[0])

    def check(self, state: TrainState) -> None:
        """Checkpoint and leave where a signal has come, on any rank."""
        reason = self._stops()
        if reason:
            self._write()
            raise Interrupted(reason)

    def report(self, state: TrainState) -> None:
        """Evaluate at every interval and at the end, once."""
        if state.t > state.reported and (
            state.done or passed(state.reported, state.t, self._intervals.evaluate)
        ):
            line = self._line(state)
            state.reported = state.t
            self._output.epoch(line)
            self.parts.closure.tally.reset()
            self.meter.start(self._order.cursors[0])

    def restart(self, state: TrainState) -> None:
        """Let averagers hand back a solution, in the run's precision."""
        self._seed("restart")
        with self.parts.precision.autocast(cache=False):
            restart_(state, self.batches)

    def save(self, state: TrainState, *, done: bool) -> None:
        """Checkpoint at every interval and at the end."""
        if done or passed(self._saved, state.t, self._intervals.checkpoint):
            self._write()

    def begin(self, state: TrainState) -> None:
        """Write scheduled fields and look at the weights before an update."""
        self._seed("update")
        t = state.t + (state.stage.start if state.stage.whole_run else 0.0)
        self.parts.scheduling.apply(state.optimizer, t)
        lr = state.optimizer.param_groups[0]["lr"]
        self.parts.closure.tally.begin(state.counters.step, state.stage.start + state.t, lr)
        self.parts.dynamics.before(lr)

    def end(self, state: TrainState) -> None:
        """Advance the clock and look at the weights and at the time after an update."""
        self.parts.dynamics.after()
        state.t = self.parts.closure.input.t
        if time.perf_counter() - self._spoke > PROGRESS_SECONDS:
            self._speak(state)

    def evaluate(self, *, keep: bool) -> dict[str, Scores]:
        """Scores of every solution at this moment."""
        self._seed("evaluation")
        state = self.parts.state
        with self.parts.precision.autocast(cache=False):
            return self.evaluator.evaluate(state, self.batches, keep=keep)

    def _seed(self, purpose: str) -> None:
        """What is drawn from torch's generators between two updates is a function of the moment."""
        seed = derive(self.parts.closure.seed, purpose, self.parts.state.counters.step)
        seed_generators(seed, self.parts.precision.device)

    def _speak(self, state: TrainState) -> None:
        self._spoke = time.perf_counter()
        self.meter.look()
        try:
            train = self.parts.closure.tally.read()
        except NonFinite:
            self._broken = True  # raised where all ranks are, at the next checkpoint
            return
        rate = self.meter.rate(self._order.cursors[0])
        left = (state.stage.epochs - state.t) * self._order.drawn / max(rate, 1e-9)
        self._output.progress(
            {
                "t": state.stage.start + state.t,
                "epochs": state.stage.start + state.stage.epochs,
                **train,
                **self.parts.scheduling.fields(state.optimizer),
                "images_per_second": rate,
                "seconds_left": left,
            }
        )

    def _line(self, state: TrainState) -> dict[str, Any]:
        """Everything that is known at an evaluation."""
        train = self.parts.closure.tally.read()
        rate = self.meter.rate(self._order.cursors[0])
        self.meter.stop()
        results = self.evaluate(keep=state.done)
        epoch = state.stage.start + state.t
        self.evaluator.note_best(results, epoch)
        return {
            "epoch": epoch,
            "t": epoch,
            "step": state.counters.step,
            "skipped": state.counters.skipped,
            "train": train,
            "solutions": results,
            "passes": dict(self.evaluator.passes),
            "averaged": averaged(state),
            **self.parts.scheduling.fields(state.optimizer),
            **self.parts.dynamics.read(),
            **spent(state),
            "gradient_evaluations": state.counters.examples / self._order.num,
            "forward_only": state.counters.forward_only / self._order.num,
            "images_per_second": rate,
            "seconds": self.meter.seconds,
        }

    def _write(self) -> None:
        """A checkpoint of this moment; never one after a loss or with weights not finite."""
        self.parts.closure.tally.read()
        check_finite(self.parts.state)
        seconds, joules = self.meter.so_far()
        self._output.save(
            {
                **self._header(self.parts.state.stage.start + self.parts.state.t),
                **snapshot(self.parts),
                "start": self.parts.state.stage.start,
                "seconds": seconds,
                "joules": joules,
                "best": self.evaluator.best,
            }
        )
        self._saved = self.parts.state.t


def averaged(state: TrainState) -> dict[str, Any]:
    """How each averager's solutions were made so far, of how many iterates."""
    return {
        name: dict(averager.describe())
        for name, averager in state.averagers.items()
        if isinstance(averager, Describing)
    }


def spent(state: TrainState) -> dict[str, Any]:
    """What the optimizers of the nest say of their costs."""
    told = [o.describe() for o in levels(state.optimizer) if isinstance(o, Describing)]
    return {key: value for one in told for key, value in one.items()}


def check_finite(state: TrainState) -> None:
    """Raise NonFinite where the last update made a weight infinite or NaN."""
    if not norm([p.detach() for p in state.model.parameters()]).isfinite().item():
        raise NonFinite(
            f"the weights are not finite since step {state.counters.step - 1}"
            f" (epoch {state.stage.start + state.t:.3f},"
            f" lr={state.optimizer.param_groups[0]['lr']:.4g}); {ADVICE}"
        )
