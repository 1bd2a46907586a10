"""The loop. It knows the four seams and no method."""

from __future__ import annotations

from typing import Protocol

import torch

from basin.core.parameters import reset_momentum_, take_over_
from basin.core.protocols import Batches, Closure, StepSkipped, TrainState
from basin.training.ranges import part


class Surroundings(Protocol):
    """What happens between updates."""

    def check(self, state: TrainState) -> None:
        """Save and leave (by an exception) where the run is asked to stop."""

    def report(self, state: TrainState) -> None:
        """Evaluate and log where that is due."""

    def restart(self, state: TrainState) -> None:
        """`restart_` with this run's training batches."""

    def save(self, state: TrainState, *, done: bool) -> None:
        """Write a checkpoint where that is due, and always when done."""

    def begin(self, state: TrainState) -> None:
        """Write the scheduled fields of the coming update and look at the weights before it."""

    def end(self, state: TrainState) -> None:
        """Advance the clock, look at the weights and at the time after an update."""


def fit(state: TrainState, closure: Closure, around: Surroundings) -> None:
    """Train until the stage is done. Any checkpoint continues here, bitwise."""
    while True:
        around.check(state)
        around.report(state)
        if state.done:
            return around.save(state, done=True)
        around.restart(state)
        around.save(state, done=False)
        around.begin(state)
        closure.resample()
        try:
            with part("update"):
                state.optimizer.step(closure)
        except StepSkipped:
            state.counters.skipped += 1
        state.counters.step += 1
        around.end(state)
        for averager in state.averagers.values():
            averager.observe(state)
        for schedule in state.schedules.values():
            schedule.observe(state)


@torch.no_grad()
def restart_(state: TrainState, batches: Batches) -> None:
    """Write a solution that an averager hands back into the live model."""
    for averager in state.averagers.values():
        solution = averager.restart(state, batches)
        if solution is not None:
            for weight, new in zip(state.model.parameters(), solution.weights, strict=True):
                weight.copy_(new)
            if solution.buffers is not None:
                for buffer, new in zip(state.model.buffers(), solution.buffers, strict=True):
                    buffer.copy_(new)
            take_over_(state.optimizer)
            if solution.reset_momentum:
                reset_momentum_(state.optimizer)
