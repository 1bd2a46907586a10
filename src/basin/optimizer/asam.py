"""ASAM: the way up scaled by the weights (Kwon et al. 2021, arXiv:2102.11600), for `sam.SAM`."""

from __future__ import annotations

import torch
from torch import Tensor

from basin.core.parameters import norm
from basin.optimizer.sam import TINY


def adaptive(weights: list[Tensor], ascent: list[Tensor]) -> list[Tensor]:
    """w^2 g / | |w| g |, one norm over all tensors.

    Differs: all tensors are scaled, without eta beside |w|, as a public SAM code does; the authors'
    code has |w| + eta for weights and 1 for biases, so a bias of 0 climbs there and not here.
    """
    scaled = torch._foreach_mul(ascent, weights)  # its norm is that of |w| g
    length = norm(scaled) + TINY
    return list(torch._foreach_div(torch._foreach_mul(scaled, weights), length))
