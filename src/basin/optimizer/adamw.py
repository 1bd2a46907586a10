"""AdamW: Adam with decoupled weight decay times the learning rate (Loshchilov and Hutter 2019)."""

from __future__ import annotations

import torch

from basin.core.parameters import fused
from basin.core.protocols import Parameters
from basin.optimizer.adam import begin_
from basin.optimizer.ranges import above_0, at_least_0, below_1


def adamw(
    params: Parameters,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> torch.optim.AdamW:
    """torch.optim.AdamW (arXiv:1711.05101, Algorithm 2) with the kernels of the device.

    Differs: the decay is lr * weight_decay * w (PyTorch's form), not schedule multiplier * decay.
    """
    at_least_0(lr=lr, weight_decay=weight_decay)
    above_0(eps=eps)
    for beta in betas:
        below_1(betas=beta)
    optimizer = torch.optim.AdamW(
        params,
        lr=lr,
        betas=(float(betas[0]), float(betas[1])),
        eps=eps,
        weight_decay=weight_decay,
        fused=fused(params),
    )
    begin_(optimizer)
    return optimizer
