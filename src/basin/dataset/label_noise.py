"""Training labels that are wrong, fixed by a seed (as Foret et al. 2021 use them, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from basin.core.protocols import Dataset
from basin.core.random import derive, permutation
from basin.dataset.class_numbers import number
from basin.dataset.wrapped import Wrapped

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class LabelNoise(Wrapped):
    """`rate` of the base's training labels replaced; validation and test labels stay as they are.

    Symmetric: round(rate N) examples get a class drawn from all, or from all others where
    exclude_true. Asymmetric, with a `map` from class to class (names or numbers): of each class in
    it, round(rate n) of the n examples. The record has `label_noise`, the share that changed.
    """

    seed: int
    rate: float
    exclude_true: bool
    map: Mapping[str | int, str | int] | None
    noise_seed: int | None  # null: `seed`, which is the run's seed_subset

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"dataset.rate={self.rate} must be 0 to 1, a share of the labels")
        if self.facts.targets.is_floating_point:
            raise ValueError("dataset.base has real targets, and this changes classes")
        if self.map is not None and self.exclude_true:
            raise ValueError(
                "dataset.exclude_true=true is for symmetric noise, and dataset.map is given:"
                " the map says which class follows"
            )

    def load(self) -> Dataset:
        """The base, with its training labels changed."""
        data: Dataset = self.base.load()
        clean = data.train.labels
        seed = derive(self.seed if self.noise_seed is None else self.noise_seed, "label_noise")
        if self.map is None:
            noisy = symmetric(clean, len(data.classes), self.rate, seed, others=self.exclude_true)
        else:
            noisy = asymmetric(clean, _numbers(self.map, data.classes), self.rate, seed)
        changed = float((noisy != clean).double().mean())
        train = data.train.relabelled(noisy)
        return replace(data, train=train, notes={**data.notes, "label_noise": changed})


def symmetric(labels: Tensor, num_classes: int, rate: float, seed: int, *, others: bool) -> Tensor:
    """Labels (N,) of which round(rate N) are drawn anew, from all classes or from the others."""
    chosen = permutation(derive(seed, "chosen"), len(labels), CPU)[: round(rate * len(labels))]
    # the n-th chosen example gets draw n of a shuffled deck, in which no class is preferred
    deck = permutation(derive(seed, "classes"), len(labels), CPU)[: len(chosen)]
    noisy = labels.clone()
    if others:
        noisy[chosen] = (labels[chosen] + 1 + deck % (num_classes - 1)) % num_classes
    else:
        noisy[chosen] = deck % num_classes
    return noisy


def asymmetric(labels: Tensor, following: Mapping[int, int], rate: float, seed: int) -> Tensor:
    """Labels (N,) of which round(rate n) of each class in `following` become the one it names."""
    noisy = labels.clone()
    for source, target in following.items():
        rows = (labels == source).nonzero().squeeze(1)
        order = permutation(derive(seed, "chosen", source), len(rows), CPU)
        noisy[rows[order[: round(rate * len(rows))]]] = target
    return noisy


def _numbers(pairs: Mapping[str | int, str | int], classes: tuple[str, ...]) -> dict[int, int]:
    """The map by class numbers."""
    option = "dataset.map"
    return {
        number(source, classes, option=option): number(target, classes, option=option)
        for source, target in pairs.items()
    }
