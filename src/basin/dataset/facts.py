"""What is known of a data set before a byte of it is read, and the checks that need no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Facts:
    """Sizes of the published parts."""

    train: int  # images
    test: int
    num_classes: int
    shape: tuple[int, int, int]  # C, H, W
    images: torch.dtype = torch.uint8  # of pixels; float32 of images that are normalised already
    targets: torch.dtype = torch.int64  # of classes; float64 of real numbers
    copies: int = 1  # times that each training example is there, its mirror image being one of them
    linear: bool = False  # the score is the excess risk of a linear model, of its weights alone


def num_train(facts: Facts, *, validation: int, limit_train: int | None) -> int:
    """Training images that are left after the validation split and the subset."""
    return facts.train - validation if limit_train is None else limit_train


def check_sizes(facts: Facts, *, validation: int, limit_train: int | None) -> None:
    """Raise ValueError where the parts asked for do not fit into the training images."""
    check_whole("dataset.validation", validation)
    if not 0 <= validation < facts.train:
        raise ValueError(
            f"dataset.validation={validation} must be 0 or more and less than the {facts.train}"
            " training images that it is split from"
        )
    if limit_train is None:
        return
    check_whole("dataset.limit_train", limit_train)
    rest = facts.train - validation
    if not 1 <= limit_train <= rest:
        kept = f" that dataset.validation={validation} leaves" if validation else ""
        raise ValueError(
            f"dataset.limit_train={limit_train} must be 1 to {rest}, the number of training"
            f" images{kept}; null takes all of them"
        )


def check_constants(facts: Facts, *, mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise ValueError where the normalisation does not fit the images."""
    channels = facts.shape[0]
    for name, values in (("mean", mean), ("std", std)):
        if len(values) != channels:
            raise ValueError(
                f"dataset.{name}={list(values)} must have one value for each of the {channels}"
                " channels"
            )
        if not all(math.isfinite(v) and 0 <= v <= 1 for v in values):
            raise ValueError(
                f"dataset.{name}={list(values)} must lie in [0, 1], the range of pixels / 255"
            )
    if not all(v > 0 for v in std):
        raise ValueError(
            f"dataset.std={list(std)} must be greater than 0: images are divided by it"
        )


def check_whole(name: str, value: object) -> None:
    """Raise ValueError, naming the field, where a number of images is not whole."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}={value!r} must be a whole number of images")
