"""Reads the Python batch files that CIFAR-10 and CIFAR-100 share; cifar.py has their facts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from basin.dataset.archive import Archive, locate
from basin.dataset.integrity import read_checked
from basin.dataset.pickles import unpickle
from basin.dataset.resident import Resident
from basin.dataset.resident_set import PublishedSet


@dataclass(frozen=True)
class Layout:
    """Which files of the archive's folder hold what, and under which keys."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    labels: str
    names: str


@dataclass(frozen=True, kw_only=True)
class Cifar(PublishedSet):
    """One of the two sets."""

    archive: ClassVar[Archive]
    layout: ClassVar[Layout]

    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        folder = locate(self.archive, root=self.root, mirror=self.mirror)
        names = self._read(folder / self.layout.meta).get(self.layout.names, ())
        if len(names) != self.facts.num_classes:
            raise ValueError(f"{folder / self.layout.meta} names {len(names)} classes")
        train, test = (
            self._examples(folder, files) for files in (self.layout.train, self.layout.test)
        )
        return train, test, tuple(names)

    def _examples(self, folder: Path, files: tuple[str, ...]) -> Resident:
        batches = [self._batch(folder / name) for name in files]
        images = torch.from_numpy(np.concatenate([pixels for pixels, _ in batches]))
        labels = torch.cat([labels for _, labels in batches])
        return Resident(images.view(-1, *self.facts.shape), labels)

    def _batch(self, path: Path) -> tuple[np.ndarray, torch.Tensor]:
        """Pixels (N, C H W) uint8, channel planes one after another, and labels (N,)."""
        batch = self._read(path)
        pixels, labels = batch.get("data"), batch.get(self.layout.labels)
        width = int(np.prod(self.facts.shape))
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
            raise ValueError(f"{path} has no table of uint8 pixels under 'data'")
        if not isinstance(labels, list) or pixels.shape != (len(labels), width):
            raise ValueError(
                f"{path}: its pixels {pixels.shape} are not {width} for each label under"
                f" {self.layout.labels!r}"
            )
        if not all(isinstance(k, int) and 0 <= k < self.facts.num_classes for k in labels):
            raise ValueError(f"{path} has labels outside 0..{self.facts.num_classes - 1}")
        return pixels, torch.tensor(labels, dtype=torch.int64)

    def _read(self, path: Path) -> dict[str, Any]:
        content = unpickle(read_checked(path, self.archive.files[path.name]), path)
        if not isinstance(content, dict):
            raise ValueError(f"{path} holds a {type(content).__name__}, not a dictionary")
        return content
