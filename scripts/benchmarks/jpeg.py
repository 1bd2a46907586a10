"""Minibatches from JPEG files, by worker processes: our image folder against torchvision's.

Ours: dataset=image_folder as a run draws from it. Workers decode, crop and resize; the loop flips,
normalises and lays out in channels_last. Theirs: ImageFolder, RandomResizedCrop,
RandomHorizontalFlip, ToTensor and Normalize, all in the workers of a DataLoader. Both keep their
workers, and each is timed while all of its own, and none of the other's, are at work.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psutil
import torch
from first_stage import FirstStage, first_stage

from basin.experiment.devices import cores, wait
from benchmarks.image_files import Draw, resized, sizes, torchvision_draw, train_folder
from benchmarks.result import Measured, Result


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    workers: Sequence[int] | None  # None: 0, and powers of two up to the cores there are
    pairs: int
    batches: int  # of each worker, in a timed segment
    needed: float  # images/s that a GPU would take
    shorter: int  # side of the files, pixels, resized before; 0: as they are


def measure(amount: Amount, overrides: list[str]) -> Result:
    """Every number of workers, in pairs."""
    torch.set_num_threads(1)  # so that the loop is one core, as each worker is
    counts = _up_to_the_cores() if amount.workers is None else amount.workers
    rows: list[Measured] = []
    with ExitStack() as stack:
        fields = overrides
        if amount.shorter:
            other = resized(train_folder(_stage(overrides)), amount.shorter)
            fields = [*overrides, *stack.enter_context(other)]
        for workers in counts:
            rows += _rows(_stage([*fields, f"dataset.workers={workers}"]), workers, amount)
            gc.collect()  # of circles that hold workers, which end
        stage = _stage(fields)
        files = sizes(train_folder(stage))
    settings = {
        "batch": stage.settings["batch_size"],
        "size": f"{stage.dataset.shape[2]} px",
        "cores": cores(),
        "batches": f"{amount.batches} a worker",
        "pairs": amount.pairs,
    }
    notes = [files, f"{amount.needed:g} images/s are an assumption (--needed)"]
    theme = f"jpeg-{amount.shorter}" if amount.shorter else "jpeg"
    return Result(theme, stage.parts.precision.device, settings, rows, notes)


def _up_to_the_cores() -> list[int]:
    most = cores()
    return [0, *(2**i for i in range(most.bit_length()) if 2**i < most), most]


def _stage(fields: list[str]) -> FirstStage:
    base = ["dataset=image_folder", "model=resnet18", "augment=flip", "batch_size=64"]
    return first_stage([*base, *fields])


def _rows(stage: FirstStage, workers: int, amount: Amount) -> list[Measured]:
    """Of one number of workers; either side begins in turn."""
    device, data = stage.parts.precision.device, stage.parts.closure.input
    ours, theirs = (lambda: len(data.draw(None, 0, 0, None))), torchvision_draw(stage, workers)
    found: dict[Draw, list[tuple[float, float]]] = {ours: [], theirs: []}
    for number in range(amount.pairs):
        for draw in (ours, theirs) if number % 2 == 0 else (theirs, ours):
            found[draw].append(_rates(draw, workers, amount.batches, device))
    rates = {draw: [rate for rate, _ in pairs] for draw, pairs in found.items()}
    ratios = [a / b for a, b in zip(rates[ours], rates[theirs], strict=True)]
    each = [rate for _, rate in found[ours]]
    name, needed = f"workers {workers}", [amount.needed / rate for rate in each]
    return [
        Measured(f"{name}: ours", rates[ours], "images/s"),
        Measured(f"{name}: torchvision", rates[theirs], "images/s"),
        Measured(f"{name}: ours / torchvision", ratios, ""),
        Measured(f"{name}: ours, of a core", each, "images/s"),
        Measured(f"{name}: ours, for {amount.needed:g} images/s", needed, "cores"),
    ]


def _rates(draw: Draw, workers: int, batches: int, device: torch.device) -> tuple[float, float]:
    """Images a second, and a second of CPU time, of the loop and its workers.

    Two minibatches of each worker lie ready; by the third all of them are at work.
    """
    for _ in range(3 * workers or 1):
        draw()
    spent, started = _cpu_seconds(), time.perf_counter()
    images = sum(draw() for _ in range(batches * max(workers, 1)))
    wait(device)
    seconds, spent = time.perf_counter() - started, _cpu_seconds() - spent
    _rest()
    return images / seconds, images / spent


def _cpu_seconds() -> float:
    """Of this process and those that it started."""
    this = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (this, *this.children(recursive=True)))


def _rest() -> None:
    """Until the workers have filled their queues, and the CPU time of all stands still."""
    before = -1.0
    while (now := _cpu_seconds()) - before > 0.02:
        before = now
        time.sleep(0.25)
