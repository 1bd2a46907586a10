"""Convex combinations of images and targets (Zhang et al. 2018, arXiv:1710.09412), eq. 2."""

from __future__ import annotations

import torch
from torch import Tensor

from basin.augment.mixing import SymmetricBeta, check, partners, soft
from basin.core.protocols import Draws

PER = ("batch", "image")


class Mixup:
    """lambda x + (1 - lambda) x', lambda ~ Beta(alpha, alpha), and so the targets (B, K).

    x' is a random permutation of the minibatch. per: one lambda a `batch` (the authors' code; the
    first example's draw) or one an `image`. With 1 - `probability` lambda is 1.
    """

    after_normalisation = True

    def __init__(self, *, num_classes: int, alpha: float, probability: float, per: str) -> None:
        check("mixup", alpha, probability)
        if per not in PER:
            raise ValueError(f"mixup per={per!r} is not one of {', '.join(PER)}")
        self._beta, self._probability, self._per = SymmetricBeta(alpha), probability, per
        self._num_classes = num_classes

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), normalised, and targets (B,) or (B, K), mixed."""
        weight = self._beta(draws.uniform("weight"))  # (B, 1)
        weight = torch.where(draws.uniform("mix") < self._probability, weight, 1)
        if self._per == "batch":
            weight = weight[:1]
        other, labels = partners(draws), soft(targets, self._num_classes)
        share = weight[:, :, None, None].to(images.dtype)
        return torch.lerp(images[other], images, share), torch.lerp(labels[other], labels, weight)
