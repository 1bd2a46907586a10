"""A few training examples of each class, as transfer is judged by (BiT, arXiv:1912.11370, 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import torch

from basin.core.protocols import Dataset
from basin.core.random import derive, permutation
from basin.dataset.facts import Facts, check_whole
from basin.dataset.wrapped import Wrapped, base_notes, resident


@dataclass(frozen=True, kw_only=True)
class FewShot(Wrapped):
    """`per_class` of the base's training examples of each class, at random by seed_subset.

    Those of fewer a class are among those of more. fill: every example is there as many times as
    make at least so many in all, so that a minibatch of that size can be drawn; null: once.
    Differs: the authors fill a minibatch by drawing from the few with replacement; here a pass has
    every example equally often. Their PyTorch code has no seed of the choice, its JAX code has.
    """

    seed: int
    per_class: int
    fill: int | None

    def __post_init__(self) -> None:
        check_whole("dataset.per_class", self.per_class)
        facts = self.base.facts
        most = self.base.num_train // facts.num_classes
        if not 1 <= self.per_class <= most:
            raise ValueError(
                f"dataset.per_class={self.per_class} must be 1 to {most}:"
                f" {self.base.num_train} training examples of {facts.num_classes} classes"
            )
        if self.fill is None:
            return
        check_whole("dataset.fill", self.fill)
        if self.fill < 1:
            raise ValueError(f"dataset.fill={self.fill} must be 1 or more, or null")

    @property
    def copies(self) -> int:
        """How many times each example is there."""
        return ceil((self.fill or 1) / (self.per_class * int(self.base.facts.num_classes)))

    @property
    def facts(self) -> Facts:
        """Fewer training examples, of which there are copies."""
        facts: Facts = self.base.facts
        return replace(facts, train=self.num_train, copies=facts.copies * self.copies)

    @property
    def num_train(self) -> int:
        """All copies."""
        return self.per_class * int(self.base.facts.num_classes) * self.copies

    def load(self) -> Dataset:
        """The base, of whose training part a few examples are kept."""
        data: Dataset = self.base.load()
        train = resident(data.train, "few_shot")
        chosen = []
        for number, name in enumerate(data.classes):
            rows = (train.labels == number).nonzero().squeeze(1)
            if len(rows) < self.per_class:
                raise ValueError(
                    f"dataset.per_class={self.per_class}: the class {name} has {len(rows)}"
                    " training examples"
                )
            order = permutation(derive(self.seed, "few_shot", number), len(rows), rows.device)
            chosen.append(rows[order[: self.per_class]])
        rows = torch.cat(chosen).sort().values.repeat(self.copies)
        return replace(data, train=train.subset(rows), notes=base_notes(data))
