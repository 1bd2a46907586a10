"""Some classes of another data set: what a network is trained on before it is given the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from basin.core.protocols import Dataset, Examples
from basin.dataset.class_numbers import number
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.dataset.wrapped import Wrapped, base_notes, resident


@dataclass(frozen=True, kw_only=True)
class Classes(Wrapped):
    """The base's examples of the classes in `keep`, which become 0, 1, ... in that order.

    How many they are is said before they are read, so that the base's classes have to be equally
    large in its training part: CIFAR's are, and those of dataset=few_shot.
    """

    keep: Sequence[str | int]  # names or numbers

    def __post_init__(self) -> None:
        if len(self.keep) < 2:
            raise ValueError(f"dataset.keep={list(self.keep)} must be two classes or more")
        if len(self.keep) > self.base.facts.num_classes:
            raise ValueError(
                f"dataset.keep={list(self.keep)} is more than the"
                f" {self.base.facts.num_classes} classes of dataset.base"
            )
        if self.base.num_train % self.base.facts.num_classes:
            raise ValueError(
                f"dataset.base has {self.base.num_train} training examples of"
                f" {self.base.facts.num_classes} classes, which cannot be equally large: choose"
                " another limit_train or validation, or dataset=few_shot as the base"
            )

    @property
    def facts(self) -> Facts:
        """Of the kept classes."""
        facts: Facts = self.base.facts
        num = len(self.keep)
        train, test = (n * num // facts.num_classes for n in (facts.train, facts.test))
        return replace(facts, train=train, test=test, num_classes=num)

    @property
    def num_train(self) -> int:
        """The kept classes' share of the base's."""
        return int(self.base.num_train) * len(self.keep) // int(self.base.facts.num_classes)

    def load(self) -> Dataset:
        """The base without its other classes."""
        data: Dataset = self.base.load()
        kept = [number(one, data.classes, option="dataset.keep") for one in self.keep]
        if len(set(kept)) < len(kept):
            raise ValueError(f"dataset.keep={list(self.keep)} has a class twice")
        train = only(data.train, kept)
        if len(train) != self.num_train:
            raise ValueError(
                f"dataset.keep={list(self.keep)} are {len(train)} training examples, not"
                f" {self.num_train}: the base's classes are not equally large; take"
                " dataset=few_shot as the base"
            )
        return replace(
            data,
            train=train,
            validation=None if data.validation is None else only(data.validation, kept),
            test=only(data.test, kept),
            classes=tuple(data.classes[one] for one in kept),
            notes=base_notes(data),
        )


def only(part: Examples, kept: Sequence[int]) -> Resident:
    """The examples of some classes, in their order, with these classes' places as labels."""
    images = resident(part, "classes")
    wanted = torch.tensor(kept, device=images.labels.device)
    matches = images.labels[:, None] == wanted  # (N, classes)
    rows = matches.any(1).nonzero().squeeze(1)
    return images.subset(rows).relabelled(matches[rows].int().argmax(1))
