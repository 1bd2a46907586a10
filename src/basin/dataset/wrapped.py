"""A data set around another, its `base`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from basin.core.protocols import Dataset, Examples
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """Has its base's facts, and trains on as many examples."""

    base: Any

    @property
    def facts(self) -> Facts:
        """What is known before a byte is read."""
        facts: Facts = self.base.facts
        return facts

    @property
    def num_train(self) -> int:
        """Training examples of this run."""
        num: int = self.base.num_train
        return num


def base_notes(data: Dataset) -> dict[str, float]:
    """A base's notes where some of its training examples are kept: shares of all, and called so."""
    return {f"base_{name}": share for name, share in data.notes.items()}


def resident(part: Examples, option: str) -> Resident:
    """The part, whose images are in memory as pixels. Raises ValueError where they are not."""
    if not isinstance(part, Resident) or part.images.is_floating_point():
        raise ValueError(
            f"dataset={option} needs a base whose pixels are all in memory, such as cifar10; choose"
            f" one by dataset@dataset.base=cifar10"
        )
    return part
