"""Products of a loss's Hessian with vectors (Pearlmutter 1994), over as many batches as there are.

As a check of what others compute: PyHessian (Yao et al. 2020, arXiv:1912.07145).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from basin.analysis.points import Pass
from basin.analysis.vectors import flat, pieces
from basin.core.protocols import Objective

Product = Callable[[Tensor], Tensor]
"""A symmetric matrix (P, P) as a function of a vector (P,)."""


class Hessian:
    """H v + weight_decay v, H the Hessian of the mean objective over a pass, in eval mode.

    BN normalises by its running statistics, so that the loss is a mean of examples' losses. Each
    product is two backward passes over every batch; sums are float64.
    """

    def __init__(
        self, network: nn.Module, objective: Objective, batches: Pass, *, weight_decay: float
    ) -> None:
        self._network, self._objective = network.eval(), objective
        self._batches, self._weight_decay = batches, weight_decay
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self.products = 0

    @property
    def size(self) -> int:
        """P, number of parameters."""
        return sum(p.numel() for p in self._parameters)

    @property
    def device(self) -> torch.device:
        """Of the parameters."""
        return self._parameters[0].device

    def __call__(self, vector: Tensor) -> Tensor:
        """(P,) float64."""
        like = self._parameters
        parts = [part.to(like[0].dtype) for part in pieces(vector, like)]
        total, count = torch.zeros_like(vector), 0
        for images, targets in self._batches():
            loss = self._objective(self._network(images), targets).sum()
            gradients = torch.autograd.grad(loss, like, create_graph=True, materialize_grads=True)
            along = torch.stack([(g * v).sum() for g, v in zip(gradients, parts, strict=True)])
            if along.requires_grad:  # a loss that is linear in the weights has no second derivative
                second = torch.autograd.grad(along.sum(), like, materialize_grads=True)
                total += flat(second).double()
            count += len(images)
        self.products += 1
        return total / count + self._weight_decay * vector
