"""The two loops that are compared: ours, and one written by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

import torch
from first_stage import FirstStage, first_stage
from torch.nn import functional as F

from basin.experiment.job import Output
from basin.launch.status import Status
from basin.logger.jsonl import JsonLines
from basin.training.allocator import keep_freed_memory
from basin.training.bookkeeping import Bookkeeping
from basin.training.checkpoint import Checkpoints
from basin.training.loop import fit
from basin.training.meter import Intervals
from basin.training.precision import set_flags
from benchmarks.images import RandomImages, real

SIDES = ("ours", "bare")


class Side(Protocol):
    """A loop that can be run for some steps and continued."""

    def run(self, steps: int) -> None:
        """Train for that many steps."""
        ...

    def loss(self) -> float:
        """Of the latest step, before its update."""
        ...


class Pause(Exception):
    """The steps asked for are done."""


class Ours:
    """What a run has between evaluations: fit, closure, bookkeeping, tally, dynamics, status.

    The process keeps freed memory from then on, as a run's does.
    """

    def __init__(self, stage: FirstStage, folder: Path) -> None:
        self._parts, self._until = stage.parts, 0
        keep_freed_memory(stage.parts.precision.device)
        lines = JsonLines(folder / "metrics.jsonl")
        checkpoints = Checkpoints(folder, notice=print)
        epochs = stage.parts.state.stage.epochs
        self._around = Bookkeeping(
            stage.parts,
            stage.evaluator,
            intervals=Intervals(evaluate=math.inf, checkpoint=math.inf),
            output=Output(lines, [lines], Status(folder), checkpoints, epochs, permit=lambda: None),
            interrupted=self._pause,
            header=lambda epoch: {},
        )

    def run(self, steps: int) -> None:
        """See Side."""
        self._until = self._parts.state.counters.step + steps
        try:
            fit(self._parts.state, self._parts.closure, self._around)
        except Pause:
            return
        raise RuntimeError("the run ended: give epochs= a larger number")

    def loss(self) -> float:
        """See Side."""
        return self._parts.closure.losses.mean().item()

    def _pause(self) -> bool:
        if self._parts.state.counters.step == self._until:
            raise Pause
        return False


class Bare:
    """The same maths by hand: rate, minibatch, forward, backward, torch's SGD."""

    def __init__(self, stage: FirstStage) -> None:
        settings, self._input = stage.settings["optimizer"], stage.parts.closure.input
        self._model, self._precision = stage.parts.state.model.train(), stage.parts.precision
        self._lr, self._epochs = settings["lr"], stage.parts.state.stage.epochs
        same: dict[str, Any] = {
            key: settings[key] for key in ("lr", "momentum", "nesterov", "weight_decay")
        }
        self._optimizer = torch.optim.SGD(self._model.parameters(), fused=True, **same)
        self._loss = torch.zeros(())

    def run(self, steps: int) -> None:
        """See Side."""
        for _ in range(steps):
            half_turns = self._input.t / self._epochs
            for group in self._optimizer.param_groups:
                group["lr"] = self._lr * 0.5 * (1 + math.cos(math.pi * half_turns))
            batch = self._input.draw(None, 0, 0, None)
            self._optimizer.zero_grad(set_to_none=True)
            with self._precision.autocast():
                logits = self._model(batch.images)
            wide = torch.promote_types(logits.dtype, torch.float32)
            loss = F.cross_entropy(logits.to(wide), batch.targets)
            loss.backward()
            self._optimizer.step()
            self._loss = loss.detach()

    def loss(self) -> float:
        """See Side."""
        return self._loss.item()


def built(overrides: list[str], random_images: int, *, with_real: bool) -> FirstStage:
    """ResNet-20 on CIFAR-10 or on random images, with the flags of its precision set."""
    where = real() if with_real else None
    base = ["model=resnet20", "dataset=cifar10", "batch_size=128", "epochs=1000", *overrides]
    if where is not None:
        stage = first_stage([*base, f"dataset.root={where}"])
    else:
        base.append(f"dataset.limit_train={random_images}")
        stage = first_stage(base, RandomImages(random_images))
    set_flags(stage.parts.precision.name, deterministic=False)
    return stage
