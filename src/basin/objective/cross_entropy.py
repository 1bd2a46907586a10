"""Cross entropy, example by example."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """-sum_k q_k log softmax(logits)_k with q = (1 - s) target + s / K, s = label_smoothing.

    Szegedy et al. 2016 (arXiv:1512.00567), section 7. In float32 or the wider dtype of the logits.
    """

    label_smoothing: float

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"objective.label_smoothing={self.label_smoothing} must be in [0, 1)")

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits (B, K), targets (B,) int64 or (B, K) probabilities -> losses (B,)."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if targets.is_floating_point():
            if targets.ndim == 1:
                raise ValueError(
                    "cross_entropy needs classes, and the targets are real numbers:"
                    " pass objective=squared_error"
                )
            targets = targets.to(logits.dtype)
        return cross_entropy(
            logits, targets, reduction="none", label_smoothing=self.label_smoothing
        )
