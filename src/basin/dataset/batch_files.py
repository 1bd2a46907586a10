"""Reads the Python batch files that CIFAR-10 and CIFAR-100 share; cifar.py has their facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from basin.core.protocols import Dataset
from basin.dataset.archive import Archive, check_mirror, locate
from basin.dataset.facts import Facts, check_constants, check_sizes, num_train
from basin.dataset.integrity import read_checked
from basin.dataset.pickles import unpickle
from basin.dataset.resident import Resident
from basin.dataset.split import divide


@dataclass(frozen=True)
class Layout:
    """Which files of the archive's folder hold what, and under which keys."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    labels: str
    names: str


@dataclass(frozen=True, kw_only=True)
class Cifar:
    """One of the two sets. Making it checks the arguments; only `load` touches disk or network."""

    seed: int  # of validation and limit_train
    root: str | None  # folder that holds the extracted folder, or the archive, or will
    mirror: str | None  # URL prefix instead of the authors' site
    mean: Sequence[float]  # per channel, of pixels in [0, 1]
    std: Sequence[float]
    validation: int
    limit_train: int | None

    facts: ClassVar[Facts]
    archive: ClassVar[Archive]
    layout: ClassVar[Layout]

    def __post_init__(self) -> None:
        check_sizes(self.facts, validation=self.validation, limit_train=self.limit_train)
        check_constants(self.facts, mean=self.mean, std=self.std)
        check_mirror(self.mirror)

    @property
    def num_train(self) -> int:
        """Training images of this run."""
        return num_train(self.facts, validation=self.validation, limit_train=self.limit_train)

    def load(self) -> Dataset:
        """Find or download the files, check and read them."""
        folder = locate(self.archive, root=self.root, mirror=self.mirror)
        names = self._read(folder / self.layout.meta).get(self.layout.names, ())
        if len(names) != self.facts.num_classes:
            raise ValueError(f"{folder / self.layout.meta} names {len(names)} classes")
        train, validation = divide(
            self._examples(folder, self.layout.train, self.facts.train),
            validation=self.validation,
            limit_train=self.limit_train,
            seed=self.seed,
        )
        return Dataset(
            train=train,
            validation=validation,
            test=self._examples(folder, self.layout.test, self.facts.test),
            classes=tuple(names),
            shape=self.facts.shape,
            mean=tuple(self.mean),
            std=tuple(self.std),
        )

    def _examples(self, folder: Path, files: tuple[str, ...], expected: int) -> Resident:
        batches = [self._batch(folder / name) for name in files]
        images = torch.from_numpy(np.concatenate([pixels for pixels, _ in batches]))
        labels = torch.cat([labels for _, labels in batches])
        if len(images) != expected:
            raise ValueError(f"{folder} holds {len(images)} images, expected {expected}")
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
