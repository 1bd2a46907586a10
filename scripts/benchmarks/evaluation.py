"""Images a second of an evaluation, scores apart, by the batch of its forward passes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from first_stage import FirstStage

from basin.core.protocols import Examples
from basin.dataset.resident import Resident
from basin.experiment.devices import wait
from basin.training.allocator import keep_freed_memory
from basin.training.evaluation import predict
from benchmarks.images import real
from benchmarks.result import Measured, Result
from benchmarks.sides import built


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    batches: tuple[int, ...]
    images: int  # evaluated each time
    rounds: int


def measure(amount: Amount, overrides: list[str]) -> Result:
    """Every batch size in turn, round by round; the first is what the others are compared with."""
    stage = built(overrides, max(amount.images, 128), with_real=True)
    device = stage.parts.precision.device
    keep_freed_memory(device)  # as a run does
    examples = _examples(stage, amount.images)
    seconds: dict[int, list[float]] = {size: [] for size in amount.batches}
    for number in range(amount.rounds + 1):  # the first warms up
        for size in amount.batches if number % 2 == 0 else amount.batches[::-1]:
            taken = _seconds(stage, examples, size, device)
            if number:
                seconds[size].append(taken)
    first = seconds[amount.batches[0]]
    rows: list[Measured] = []
    for size, times in seconds.items():
        ratios = [a / b for a, b in zip(first, times, strict=True)]
        rates = [len(examples) / one for one in times]
        rows += [
            Measured(f"batch {size}: images", rates, "a second"),
            Measured(f"batch {size}: images, over those of the first", ratios, ""),
        ]
    settings = {
        "model": stage.settings["model"]["_target_"].rpartition(".")[2],
        "fields": " ".join(overrides) or "none",
        "images": f"{len(examples)} of {'CIFAR-10' if real() else 'random ones'}",
        "precision": stage.parts.precision.name,
        "rounds": amount.rounds,
    }
    return Result("eval", device, settings, rows)


def _examples(stage: FirstStage, num: int) -> Examples:
    """The first training images, so many, as evaluation sees them."""
    train = stage.dataset.train
    rows = torch.arange(min(num, len(train)), device=train.labels.device)
    return Resident(*train.fetch(rows, None))


def _seconds(stage: FirstStage, examples: Examples, size: int, device: torch.device) -> float:
    wait(device)
    started = time.perf_counter()
    predict(
        stage.parts.state.model,
        examples,
        stage.evaluator.prepare,
        precision=stage.parts.precision,
        batch_size=size,
    )
    wait(device)
    return time.perf_counter() - started
