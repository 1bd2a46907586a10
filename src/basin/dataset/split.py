"""Stratified parts of a training set as pure functions of (labels, number, seed).

Integer hashes order the examples (core.random), so that every machine draws the same parts. The
validation part is split off first; the training subset is then taken from what it leaves.
"""

from __future__ import annotations

import torch
from torch import Tensor

from basin.core.random import derive, permutation
from basin.dataset.resident import Resident


def stratified_order(labels: Tensor, seed: int) -> Tensor:
    """A random order (N,) of the examples whose every prefix has the proportions of the whole set.

    Example r of the n of its class (at random) has the place (r + 1/2) / n, and the order goes by
    places. So per-class counts of a prefix are within one of proportional, those of equally large
    classes differ by at most one, and a smaller subset lies in every larger one of its seed.
    """
    cpu = torch.device("cpu")
    shuffled = permutation(derive(seed, "examples"), len(labels), cpu)
    num_classes = int(labels.max()) + 1
    turns = permutation(derive(seed, "classes"), num_classes, cpu)  # which class goes first on ties
    turn = turns[labels[shuffled]]
    by_class = torch.argsort(turn, stable=True)
    turn = turn[by_class]
    counts = torch.bincount(turn, minlength=num_classes)
    rank = torch.arange(len(labels)) - (counts.cumsum(0) - counts)[turn]
    place = (rank.double() + 0.5) / counts[turn]
    return shuffled[by_class[torch.argsort(place, stable=True)]]


def validation_split(labels: Tensor, number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Indices, ascending, of the training and of the `number` validation examples."""
    order = stratified_order(labels, derive(seed, "validation"))
    return order[number:].sort().values, order[:number].sort().values


def subset(labels: Tensor, number: int, seed: int) -> Tensor:
    """Indices, ascending, of `number` examples."""
    return stratified_order(labels, derive(seed, "limit_train"))[:number].sort().values


def divide(
    train: Resident, *, validation: int, limit_train: int | None, seed: int
) -> tuple[Resident, Resident | None]:
    """The training and the validation part; sizes have been checked by `facts.check_sizes`."""
    held_out = None
    if validation:
        kept, held = validation_split(train.labels, validation, seed)
        train, held_out = train.subset(kept), train.subset(held)
    if limit_train is not None:
        train = train.subset(subset(train.labels, limit_train, seed))
    return train, held_out
