"""Any folder of class folders, and ImageNet as one (Russakovsky et al. 2015, arXiv:1409.0575)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from basin.core.protocols import Dataset
from basin.dataset.archive import data_root
from basin.dataset.decoded import ON_CORRUPT, Decoded
from basin.dataset.decoding import CROPS, INTERPOLATIONS, Decoder
from basin.dataset.facts import Facts, check_constants, check_sizes, num_train
from basin.dataset.file_table import FileTable
from basin.dataset.split import subset, validation_split


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """Training images in `<root>/<folder>/<train>/<class>/`, test images in `<test>` beside it.

    crop: of training images, `inception` (a random box at every draw) or `centre`; test and
    validation images are resized to a shorter side of `resize` pixels and cropped at the centre.
    """

    seed: int  # of validation and limit_train
    root: str | None  # null: $BASIN_DATA or ~/.cache/basin
    folder: str
    images: Sequence[int] | None  # how many train and test must hold; null: whatever is there
    train: str
    test: str
    size: int  # pixels of the square that the model sees
    resize: int  # shorter side of test images before their central crop
    crop: str
    scale: Sequence[float]
    ratio: Sequence[float]
    interpolation: str
    workers: int  # processes that decode; 0: the run's own
    on_corrupt: str
    mean: Sequence[float]
    std: Sequence[float]
    validation: int
    limit_train: int | None

    def __post_init__(self) -> None:
        for name, allowed in (
            ("crop", CROPS),
            ("interpolation", INTERPOLATIONS),
            ("on_corrupt", ON_CORRUPT),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"dataset.{name}={value!r} is not one of {', '.join(allowed)}")
        if not 1 <= self.size <= self.resize:
            raise ValueError(
                f"dataset.size={self.size} must be 1 or more, and at most dataset.resize"
                f"={self.resize}, the side that it is cropped from"
            )
        for name, (low, high) in (("scale", self.scale), ("ratio", self.ratio)):
            if not 0 < low <= high:
                raise ValueError(f"dataset.{name}=[{low},{high}] must rise and be above 0")
        if self.scale[1] > 1:
            raise ValueError(f"dataset.scale={list(self.scale)} must be at most 1, the whole image")
        if self.workers < 0:
            raise ValueError(f"dataset.workers={self.workers} must be 0 or more")
        check_sizes(self.facts, validation=self.validation, limit_train=self.limit_train)
        check_constants(self.facts, mean=self.mean, std=self.std)

    @cached_property
    def facts(self) -> Facts:
        """Counted in the folders."""
        train, test = self._tables
        return Facts(
            train=len(train),
            test=len(test),
            num_classes=len(train.classes),
            shape=(3, self.size, self.size),
        )

    @property
    def num_train(self) -> int:
        """Training images of this run."""
        return num_train(self.facts, validation=self.validation, limit_train=self.limit_train)

    @cached_property
    def _tables(self) -> tuple[FileTable, FileTable]:
        place = data_root(self.root) / self.folder
        train, test = FileTable(place / self.train), FileTable(place / self.test)
        if train.classes != test.classes:
            differing = sorted(set(train.classes) ^ set(test.classes))
            raise ValueError(
                f"{train.root} and {test.root} have different class folders:"
                f" {', '.join(differing[:5])}"
            )
        found = [len(train), len(test)]
        if self.images is not None and found != list(self.images):
            raise ValueError(
                f"{place} holds {found} training and test images, and not {list(self.images)};"
                " complete it, or take another folder as it is with dataset=image_folder"
            )
        return train, test

    def load(self) -> Dataset:
        """The parts; no image is decoded yet."""
        train, test = self._tables
        rows, held_out = torch.arange(len(train)), None
        if self.validation:
            rows, held_out = validation_split(train.labels, self.validation, self.seed)
        if self.limit_train is not None:
            rows = rows[subset(train.labels[rows], self.limit_train, self.seed)]
        return Dataset(
            train=self._part(train, rows),
            validation=None if held_out is None else self._part(train, held_out),
            test=self._part(test, torch.arange(len(test))),
            classes=train.classes,
            shape=self.facts.shape,
            mean=tuple(self.mean),
            std=tuple(self.std),
        )

    def _part(self, table: FileTable, rows: torch.Tensor) -> Decoded:
        decoder = Decoder(
            size=self.size,
            resize=self.resize,
            scale=(self.scale[0], self.scale[1]),
            ratio=(self.ratio[0], self.ratio[1]),
            interpolation=self.interpolation,
            crop=self.crop,
        )
        return Decoded(table, rows, decoder, workers=self.workers, on_corrupt=self.on_corrupt)
