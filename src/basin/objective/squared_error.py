"""Squared error, example by example (Legendre 1805); of classes: Hui and Belkin, arXiv:2006.07322.

Differs: Hui and Belkin rescale the term of the true class where there are many; this does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class SquaredError:
    """|output - target|^2 / 2, in float32 or the wider dtype of the outputs.

    Of a real target (B,) the model has one output; a class is the one-hot vector of K numbers.
    """

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Outputs (B, K), targets (B,) float, (B,) int64 or (B, K) float -> losses (B,)."""
        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
        num = outputs.shape[1]
        if not targets.is_floating_point():
            targets = F.one_hot(targets, num)
        elif targets.ndim == 1:
            targets = targets[:, None]
        if targets.shape[1] != num:
            raise ValueError(
                f"squared_error compares {num} outputs with {targets.shape[1]} targets an example;"
                " a model of real targets has one output"
            )
        return (outputs - targets.to(outputs.dtype)).square().sum(1) / 2
