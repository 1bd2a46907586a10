"""Mixup for large training sets alone: BiT's rule (Kolesnikov et al. 2020, arXiv:1912.11370)."""

from __future__ import annotations

from torch import Tensor

from basin.augment.mixup import Mixup
from basin.core.clock import Clock
from basin.core.protocols import Draws


class MixupBySize:
    """`Mixup` of a training set of `smallest` examples or more, copies counted once; none below."""

    after_normalisation = True

    def __init__(
        self,
        *,
        num_classes: int,
        clock: Clock,
        smallest: int,
        alpha: float,
        probability: float,
        per: str,
    ) -> None:
        if smallest < 0:
            raise ValueError(f"smallest={smallest} must be a number of examples, 0 or more")
        mixup = Mixup(num_classes=num_classes, alpha=alpha, probability=probability, per=per)
        self._mixup = mixup if clock.size >= smallest else None

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), normalised, and targets (B,) or (B, K), as they are or mixed."""
        return (images, targets) if self._mixup is None else self._mixup(images, targets, draws)
