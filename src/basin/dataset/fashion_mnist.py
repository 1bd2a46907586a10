"""Fashion-MNIST from its authors' files (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747)."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from basin.dataset.facts import Facts
from basin.dataset.published_files import PublishedFiles
from basin.dataset.resident import Resident
from basin.dataset.resident_set import PublishedSet

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


@dataclass(frozen=True, kw_only=True)
class FashionMnist(PublishedSet):
    """60,000 training and 10,000 test images of 10 classes, 28 x 28, one channel."""

    facts: ClassVar[Facts] = Facts(train=60_000, test=10_000, num_classes=10, shape=(1, 28, 28))
    published: ClassVar[PublishedFiles] = PublishedFiles(
        site="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        folder="fashion-mnist",
        files={
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    )

    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        return self._part("train"), self._part("t10k"), CLASSES

    def _part(self, name: str) -> Resident:
        images = self._numbers(f"{name}-images-idx3-ubyte.gz", ndim=3)
        labels = self._numbers(f"{name}-labels-idx1-ubyte.gz", ndim=1)
        if images.shape[1:] != self.facts.shape[1:] or len(images) != len(labels):
            raise ValueError(
                f"{name}: {tuple(images.shape)} images and {len(labels)} labels; expected one label"
                f" for each image of {self.facts.shape[1:]} pixels"
            )
        if labels.max() >= self.facts.num_classes:
            raise ValueError(f"{name}: label {int(labels.max())} is not 0 to 9")
        return Resident(images[:, None], labels.to(torch.int64))

    def _numbers(self, name: str, *, ndim: int) -> Tensor:
        packed = self.published.read(name, root=self.root, mirror=self.mirror)
        try:
            return idx(gzip.decompress(packed), ndim=ndim)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ValueError(f"{name}: {error}") from None


def idx(content: bytes, *, ndim: int) -> Tensor:
    """The uint8 numbers of an idx file: 0, 0, 8, ndim, the sizes (big-endian), the bytes."""
    header = 4 + 4 * ndim
    if len(content) < header or content[:4] != bytes((0, 0, 8, ndim)):
        raise ValueError(f"it is not an idx file of bytes with {ndim} dimensions")
    sizes = struct.unpack(f">{ndim}I", content[4:header])
    if len(content) != header + math.prod(sizes):
        raise ValueError(f"it has {len(content) - header} bytes for the sizes {sizes}")
    return torch.frombuffer(bytearray(content[header:]), dtype=torch.uint8).view(sizes)
