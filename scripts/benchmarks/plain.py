"""The training loop of well-known CIFAR scripts, as one finds it.

torchvision's CIFAR10 with transforms on PIL images, a DataLoader with 2 workers that starts anew
each epoch, NCHW, eager, torch's SGD, and a running loss and accuracy that are read every step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from first_stage import FirstStage
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10

from benchmarks.images import MEAN, STD, real, write_official


class Unchecked(CIFAR10):
    """torchvision's CIFAR10 over random files, whose MD5 sums are not the official ones."""

    def _check_integrity(self) -> bool:
        return True

    def _load_meta(self) -> None:
        self.classes: list[str] = []


@contextmanager
def torchvision_images(random_images: int) -> Iterator[CIFAR10]:
    """The training part with crop, flip and normalisation; of random files without $BASIN_DATA."""
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
            write_official(Path(folder), random_images)
            yield Unchecked(folder, train=True, transform=transform)
        else:
            yield CIFAR10(where, train=True, transform=transform)


class Plain:
    """Epochs over a loader, with the network and the hyper-parameters of a stage of ours."""

    def __init__(self, stage: FirstStage, loader: DataLoader[Any]) -> None:
        settings, self._loader = stage.settings["optimizer"], loader
        self._model, self._device = stage.parts.state.model, stage.parts.precision.device
        same: dict[str, Any] = {
            key: settings[key] for key in ("lr", "momentum", "nesterov", "weight_decay")
        }
        self._optimizer = torch.optim.SGD(self._model.parameters(), **same)
        self.loss, self.error = 0.0, 0.0  # means of the latest epoch

    def epoch(self) -> int:
        """Train on every image once; returns their number."""
        self._model.train()
        total, correct, seen = 0.0, 0, 0
        for images, targets in self._loader:
            images, targets = images.to(self._device), targets.to(self._device)
            self._optimizer.zero_grad()
            logits = self._model(images)
            loss = F.cross_entropy(logits, targets)
            loss.backward()
            self._optimizer.step()
            total += loss.item() * len(targets)
            correct += int(logits.argmax(1).eq(targets).sum().item())
            seen += len(targets)
        self.loss, self.error = total / seen, 100 - 100 * correct / seen
        return seen
