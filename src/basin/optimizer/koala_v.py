"""KOALA-V: the scalar Kalman filter (Davtyan et al. 2022, arXiv:2107.03331, Algorithm 1)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.parameters import group_parameters
from basin.core.protocols import Closure, Parameters
from basin.optimizer.koala import SMALLEST, Block, Koala
from basin.optimizer.ranges import at_least_0


def gains(squares: Tensor, sigma: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    """sigma / S and n / S of every block, S = sigma n + R, for squared norms n (blocks,)."""
    s = sigma * squares + r
    return sigma / s, squares / s


class KoalaV(Koala):
    """w_i -= lr L_i sigma / S_i g_i, S_i = sigma n_i + R, for every tensor i; sigma += q a step.

    n_i = |g_i + wd w_i|^2, L_i = L + wd |w_i|^2 / 2; then sigma -= sigma^2 max_i n_i / S_i.
    Differs: as the released code, weight decay enters n and L, and not the direction.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        weight_decay: float,
        sigma: float,
        q: float,
        r: float | None,
    ) -> None:
        at_least_0(sigma=sigma, q=q)
        if sigma == q == 0:
            raise ValueError("sigma=0, q=0: without variance nothing moves; give one above 0")
        super().__init__(params, lr=lr, weight_decay=weight_decay, r=r, filtered={"sigma": sigma})
        self._q = q
        for p in group_parameters(self):
            self.state[p] = {}  # no tensor has a state of its own

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """One update with the gradient and the losses of one call."""
        loss = closure()
        with torch.no_grad():
            self._update(loss, closure.losses)
        return loss

    def _update(self, loss: Tensor, losses: Tensor) -> None:
        sigma = self.filter["sigma"].add_(self._q)
        r, block = self._measure(losses), Block(self, ())
        if not block.weights:
            return
        gain, share = gains(block.squares(block.decayed), sigma, r)
        moves = block.squares(block.gradients) >= SMALLEST**2
        factors = torch.where(moves, -block.lrs * block.risks(loss) * gain, 0)
        block.add_(block.weights, factors, block.gradients)
        sigma.sub_(sigma.square() * torch.where(moves, share, 0).max())
