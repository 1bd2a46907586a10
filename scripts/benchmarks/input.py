"""Augmented, normalised minibatches a second: our input path against torchvision's.

Ours: order, rows of the resident images, crop and flip, normalisation, channels_last. Theirs:
CIFAR10 with RandomCrop(32, 4), RandomHorizontalFlip, ToTensor and Normalize, through a DataLoader
whose workers start, and fill their queues, before its clock does.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from first_stage import first_stage
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10

from basin.training.input import Input
from benchmarks.device_time import wait
from benchmarks.images import MEAN, STD, RandomImages, real, write_official
from benchmarks.result import Measured, Result

BATCH = 128
FIRST = 6
"""Batches of torchvision before its clock starts: 2 workers keep 4 ready."""


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    pairs: int
    batches: int  # of torchvision's path; ours takes `ours_more` times as many
    ours_more: int
    workers: int
    random_images: int  # where there are no real ones


class Unchecked(CIFAR10):
    """torchvision's CIFAR10 over random files, whose MD5 sums are not the official ones."""

    def _check_integrity(self) -> bool:
        return True

    def _load_meta(self) -> None:
        self.classes: list[str] = []


def measure(amount: Amount, overrides: list[str]) -> Result:
    """Images a second of both, in pairs."""
    ours, device = _ours(amount, overrides)
    pairs = []
    with _torchvision(amount) as loader:
        for number in range(amount.pairs):
            both = {}
            for side in ("ours", "torchvision")[:: 1 if number % 2 == 0 else -1]:
                both[side] = (
                    _rate(ours, amount.batches * amount.ours_more, device)
                    if side == "ours"
                    else _loader_rate(loader, amount.batches)
                )
            pairs.append((both["ours"], both["torchvision"]))
    ratios = [ours / theirs for ours, theirs in pairs]
    rows = [
        Measured("ours", [pair[0] for pair in pairs], "images/s"),
        Measured("torchvision", [pair[1] for pair in pairs], "images/s"),
        Measured("ours / torchvision", ratios, "", at_least=10),
    ]
    images = "CIFAR-10" if real() else "random"
    settings = {"batch": BATCH, "images": images, "DataLoader workers": amount.workers}
    return Result("input", device, settings, rows)


def _ours(amount: Amount, overrides: list[str]) -> tuple[Input, torch.device]:
    where = real()
    base = ["dataset=cifar10", "augment=crop_flip_zeros", f"batch_size={BATCH}", *overrides]
    if where is not None:
        stage = first_stage([*base, f"dataset.root={where}"])
    else:
        limit = f"dataset.limit_train={amount.random_images}"
        stage = first_stage([*base, limit], RandomImages(amount.random_images))
    return stage.parts.closure.input, stage.parts.precision.device


@contextmanager
def _torchvision(amount: Amount) -> Iterator[DataLoader[Any]]:
    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        where = real()
        if where is None:
            write_official(Path(folder), amount.random_images)
            dataset = Unchecked(folder, train=True, transform=transform)
        else:
            dataset = CIFAR10(where, train=True, transform=transform)
        yield DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=amount.workers)


def _rate(data: Input, batches: int, device: torch.device) -> float:
    data.draw(None, 0, 0, None)
    images, started = 0, time.perf_counter()
    for _ in range(batches):
        images += len(data.draw(None, 0, 0, None))
    wait(device)
    return images / (time.perf_counter() - started)


def _loader_rate(loader: DataLoader[Any], batches: int) -> float:
    iterator = iter(loader)
    for _ in range(FIRST):
        next(iterator)
    images, started = 0, time.perf_counter()
    for _ in range(batches):
        images += len(next(iterator)[1])
    return images / (time.perf_counter() - started)
