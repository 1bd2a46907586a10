"""Tiny ImageNet: 200 classes of ImageNet at 64 x 64 (Stanford's course CS231n)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from basin.dataset.archive import data_root
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.dataset.resident_set import ResidentSet

FOLDER = "tiny-imagenet-200"
SITE = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
MD5 = "90528d7ca1a48142e341f4ef8d21d0de"  # of the archive, as public loaders give it
THREADS = 4  # that decode; the decoder runs without Python's lock


@dataclass(frozen=True, kw_only=True)
class TinyImageNet(ResidentSet):
    """100,000 training images and the 10,000 of `val`, whose labels are public, as the test part.

    All are decoded once, at the start, into 1.4 GB.
    """

    root: str | None  # folder that holds tiny-imagenet-200

    facts: ClassVar[Facts] = Facts(train=100_000, test=10_000, num_classes=200, shape=(3, 64, 64))

    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        folder = data_root(self.root) / FOLDER
        words = _lines(folder, "wnids.txt")
        if len(words) != self.facts.num_classes:
            raise ValueError(
                f"{folder / 'wnids.txt'} names {len(words)} classes, expected"
                f" {self.facts.num_classes}"
            )
        number = {wnid: k for k, wnid in enumerate(words)}
        if len(number) != len(words):
            raise ValueError(f"{folder / 'wnids.txt'} names a class twice")
        train = [
            (path, k)
            for wnid, k in number.items()
            for path in sorted((folder / "train" / wnid / "images").glob("*.JPEG"))
        ]
        test = []
        for line in _lines(folder, "val/val_annotations.txt"):
            name, _, rest = line.partition("\t")  # rest: the class, then its box
            wnid = rest.partition("\t")[0]
            if wnid not in number:
                given = wnid or repr(line)
                raise ValueError(f"{folder}/val/val_annotations.txt: {given} is not in wnids.txt")
            test.append((folder / "val" / "images" / name, number[wnid]))
        return self._decoded(train), self._decoded(test), tuple(words)

    def _decoded(self, examples: Sequence[tuple[Path, int]]) -> Resident:
        channels, height, width = self.facts.shape
        table = torch.empty(len(examples), height, width, channels, dtype=torch.uint8)

        def decode(row: int) -> None:
            table[row] = _pixels(examples[row][0], (height, width))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(decode, range(len(examples))))
        labels = torch.tensor([label for _, label in examples], dtype=torch.int64)
        return Resident(table.permute(0, 3, 1, 2), labels)


def _lines(folder: Path, name: str) -> list[str]:
    try:
        return [line for line in (folder / name).read_text().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder / name} is no text: {error}") from None
    except OSError as error:
        raise ValueError(
            f"cannot read {folder / name}: {error.strerror}. Fetch {SITE} (MD5 {MD5}), unpack it,"
            f" and give the folder that holds {FOLDER} as dataset.root=FOLDER or BASIN_DATA=FOLDER"
        ) from None


def _pixels(path: Path, size: tuple[int, int]) -> Tensor:
    """(H, W, 3) uint8; images without colour get three equal channels."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
    except Exception as error:  # a damaged file raises nearly anything
        raise ValueError(f"cannot decode {path}: {error}") from None
    if pixels.shape[:2] != size:
        raise ValueError(f"{path} has {pixels.shape[:2]} pixels, expected {size}")
    return torch.from_numpy(pixels)
