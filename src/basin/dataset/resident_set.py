"""What all data sets that live in one memory share: their arguments, their checks, their parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from basin.core.protocols import Dataset
from basin.dataset.archive import check_mirror
from basin.dataset.facts import Facts, check_constants, check_sizes, num_train
from basin.dataset.resident import Resident
from basin.dataset.split import divide


@dataclass(frozen=True, kw_only=True)
class ResidentSet(ABC):
    """Making one checks its arguments; only `load` touches disk or network."""

    seed: int  # of validation and limit_train
    mean: Sequence[float]  # per channel, of pixels in [0, 1]
    std: Sequence[float]
    validation: int
    limit_train: int | None

    facts: ClassVar[Facts]

    def __post_init__(self) -> None:
        check_sizes(self.facts, validation=self.validation, limit_train=self.limit_train)
        check_constants(self.facts, mean=self.mean, std=self.std)

    @property
    def num_train(self) -> int:
        """Training images of this run."""
        return num_train(self.facts, validation=self.validation, limit_train=self.limit_train)

    @abstractmethod
    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        """All training and test examples, and the names of the classes."""

    def load(self) -> Dataset:
        """Find, check and read everything."""
        whole, test, classes = self._whole()
        for name, part, expected in (
            ("training", whole, self.facts.train),
            ("test", test, self.facts.test),
        ):
            if len(part) != expected:
                raise ValueError(f"there are {len(part)} {name} images, expected {expected}")
        train, validation = divide(
            whole, validation=self.validation, limit_train=self.limit_train, seed=self.seed
        )
        return Dataset(
            train=train,
            validation=validation,
            test=test,
            classes=classes,
            shape=self.facts.shape,
            mean=tuple(self.mean),
            std=tuple(self.std),
        )


@dataclass(frozen=True, kw_only=True)
class PublishedSet(ResidentSet):
    """A set that others publish as files."""

    root: str | None  # folder that holds the files' folder, or the archive, or will
    mirror: str | None  # URL prefix instead of the authors' site

    def __post_init__(self) -> None:
        super().__post_init__()
        check_mirror(self.mirror)
