"""Images to measure on: the real CIFAR-10 where $BASIN_DATA has it, else random ones like it."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from basin.core.protocols import Dataset
from basin.dataset.resident import Resident

FOLDER = "cifar-10-batches-py"
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2471, 0.2435, 0.2616)


def real() -> Path | None:
    """The folder that holds the official files; None where there is none."""
    root = os.environ.get("BASIN_DATA")
    return Path(root) if root and (Path(root) / FOLDER).is_dir() else None


@dataclass(frozen=True)
class RandomImages:
    """`num` training images of CIFAR-10's shape in the place of a data set's description."""

    num: int

    def load(self) -> Dataset:
        """Draw them."""
        return Dataset(
            train=_draw(self.num),
            validation=None,
            test=_draw(100),
            classes=tuple("0123456789"),
            shape=(3, 32, 32),
            mean=MEAN,
            std=STD,
        )


def write_official(root: Path, num: int) -> None:
    """`num` random training images (a multiple of 5) as CIFAR-10's Python files."""
    folder = root / FOLDER
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        content = {
            "data": generator.integers(0, 256, (num // 5, 3072), dtype=np.uint8),
            "labels": generator.integers(0, 10, num // 5).tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(content))


def _draw(num: int) -> Resident:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (num, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return Resident(images, torch.arange(num) % 10)
