"""ImageNet at 32 x 32 pixels (Chrabaszcz, Loshchilov and Hutter 2017, arXiv:1707.08819)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from basin.dataset.archive import data_root
from basin.dataset.facts import Facts
from basin.dataset.pickles import unpickle
from basin.dataset.resident import Resident
from basin.dataset.resident_set import ResidentSet

FOLDER = "imagenet32"


@dataclass(frozen=True, kw_only=True)
class ImageNet32(ResidentSet):
    """1,281,167 training and 50,000 validation images of 1000 classes, 3.9 GB in memory.

    Reads the pickled batches (train_data_batch_1 to _10, val_data) or their .npz form from the
    folder imagenet32. No sums are published with them; sizes, types and labels are checked.
    """

    root: str | None  # folder that holds imagenet32

    facts: ClassVar[Facts] = Facts(
        train=1_281_167, test=50_000, num_classes=1000, shape=(3, 32, 32)
    )
    train_files: ClassVar[tuple[str, ...]] = tuple(f"train_data_batch_{i}" for i in range(1, 11))
    test_files: ClassVar[tuple[str, ...]] = ("val_data",)

    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        folder = data_root(self.root) / FOLDER
        classes = tuple(f"class {k}" for k in range(1, self.facts.num_classes + 1))
        train = self._part(folder, self.train_files, self.facts.train)
        return train, self._part(folder, self.test_files, self.facts.test), classes

    def _part(self, folder: Path, names: tuple[str, ...], num: int) -> Resident:
        """Every batch goes to its place in one table, as it is read."""
        channels, height, width = self.facts.shape
        table = torch.empty(num, height, width, channels, dtype=torch.uint8)
        labels = torch.empty(num, dtype=torch.int64)
        start = 0
        for name in names:
            pixels, numbers = self._batch(folder, name)
            stop = start + len(pixels)
            if stop > num:
                raise ValueError(f"{folder} holds more than {num} images of {names[0]} and so on")
            planes = torch.from_numpy(pixels).view(-1, channels, height, width)
            table[start:stop] = planes.permute(0, 2, 3, 1)
            labels[start:stop] = torch.from_numpy(numbers) - 1
            start = stop
        return Resident(table[:start].permute(0, 3, 1, 2), labels[:start])

    def _batch(self, folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (N, C H W) uint8 and labels (N,), 1 to 1000."""
        path, content = _read(folder, name)
        pixels = content.get("data")
        size = int(np.prod(self.facts.shape))
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(f"{path} has no table of uint8 pixels under 'data'")
        numbers = _whole_numbers(path, content.get("labels"))
        if pixels.shape != (numbers.size, size) or numbers.ndim != 1:
            raise ValueError(
                f"{path}: 'data' is {pixels.shape} and 'labels' {numbers.shape}; expected"
                f" (N, {size}) and (N,)"
            )
        low, high = numbers.min(), numbers.max()
        if low < 1 or high > self.facts.num_classes:
            raise ValueError(f"{path} has labels outside 1..{self.facts.num_classes}")
        return pixels, numbers.astype(np.int64)


def _whole_numbers(path: Path, labels: object) -> np.ndarray:
    try:
        numbers = np.asarray(labels)
    except ValueError:  # lists of different lengths
        numbers = np.empty(0)
    if numbers.dtype.kind not in "iu":
        raise ValueError(f"{path} has no whole numbers under 'labels'")
    return numbers


def _read(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    pickled, packed = folder / name, folder / f"{name}.npz"
    if pickled.is_file():
        content = unpickle(pickled.read_bytes(), pickled)
        if not isinstance(content, dict):
            raise ValueError(f"{pickled} holds a {type(content).__name__}, not a dictionary")
        return pickled, content
    if packed.is_file():
        try:
            with np.load(packed, allow_pickle=False) as arrays:
                return packed, {key: arrays[key] for key in ("data", "labels")}
        except Exception as error:  # a damaged zip raises nearly anything
            raise ValueError(f"{packed} is refused: {error}") from None
    raise ValueError(
        f"neither {pickled} nor {packed} exists. Download the 32 x 32 batches (train and"
        " validation) from image-net.org, which asks for a login, extract them there, or give the"
        f" folder that holds {FOLDER} as dataset.root=FOLDER or BASIN_DATA=FOLDER"
    )
