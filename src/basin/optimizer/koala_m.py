"""KOALA-M: the Kalman filter of weights and velocities (Davtyan et al. 2022, arXiv:2107.03331)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.parameters import group_parameters, norm
from basin.core.protocols import Closure, Parameters
from basin.optimizer.koala import SHARE, SMALLEST, Block, Koala
from basin.optimizer.ranges import above_0, at_least_0, at_most_1, finite


class KoalaM(Koala):
    """Predict w += v, v *= kappa; then move both along the gradient at the predicted weights.

    P = F P F' + diag(qw, qv), F = [[1, 1], [0, kappa]]; S_i = P_00 n_i + R;
    w_i -= lr L_i P_00 / S_i g_i, v_i -= lr L_i P_10 / S_i g_i with the decayed gradient
    g_i + wd w_i and its n_i, L_i (see KOALA-V); P -= P diag(max_i n_i / S_i, 0) P'.
    qw is the running mean of |a - w| / (number of weights), a that of the weights, if adaptive_q.
    P begins as [[sw, sc], [sc, sv]]. The gradient is that of the weights after w += v.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        weight_decay: float,
        sw: float,
        sc: float,
        sv: float,
        kappa: float,
        qw: float,
        qv: float,
        adaptive_q: bool,
        r: float | None,
    ) -> None:
        at_least_0(sw=sw, sv=sv, qw=qw, qv=qv)
        at_most_1(kappa=kappa)
        finite(sc=sc)
        if sc * sc > sw * sv:
            raise ValueError(f"sc={sc} is beyond sqrt(sw sv), sw={sw}, sv={sv}: P is no covariance")
        if r is not None:
            above_0(r=r)
        filtered = {"P": [[sw, sc], [sc, sv]], "qw": qw, "qv": qv}
        super().__init__(params, lr=lr, weight_decay=weight_decay, r=r, filtered=filtered)
        self._kappa, self._adaptive = kappa, adaptive_q
        self._F = self.filter["P"].new_tensor([[1.0, 1.0], [0.0, kappa]])
        for p in group_parameters(self):
            self.state[p] = {"velocity": torch.zeros_like(p), "mean": torch.zeros_like(p)}

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """One update with the gradient and the losses of one call at the predicted weights."""
        weights = [p.detach() for p in group_parameters(self)]
        velocities = [self.state[p]["velocity"] for p in group_parameters(self)]
        start = list(torch._foreach_clone(weights))
        torch._foreach_add_(weights, velocities)
        try:
            loss = closure()
        except BaseException:
            torch._foreach_copy_(weights, start)
            raise
        with torch.no_grad():
            self._predict(start, velocities)
            self._update(loss, closure.losses)
        return loss

    def _predict(self, start: list[Tensor], velocities: list[Tensor]) -> None:
        """What else the prediction changes; it needs no gradient."""
        P, qw, qv = (self.filter[k] for k in ("P", "qw", "qv"))
        if self._adaptive:
            means = [self.state[p]["mean"] for p in group_parameters(self)]
            away = norm(list(torch._foreach_sub(means, start))).to(qw.dtype)
            qw.mul_(1 - SHARE).add_(SHARE * away / sum(p.numel() for p in start))
        torch._foreach_mul_(velocities, self._kappa)
        P.copy_(self._F @ P @ self._F.T + torch.diag(torch.stack([qw, qv])))

    def _update(self, loss: Tensor, losses: Tensor) -> None:
        P, r = self.filter["P"], self._measure(losses)
        block = Block(self, ("velocity", "mean"))
        if not block.weights:
            return
        velocities, means = block.states
        squares = block.squares(block.decayed)
        s = squares * P[0, 0] + r
        moves = block.squares(block.gradients) >= SMALLEST**2
        scale = torch.where(moves, -block.lrs * block.risks(loss) / s, 0)
        block.add_(block.weights, scale * P[0, 0], block.decayed)
        block.add_(velocities, scale * P[1, 0], block.decayed)
        share = moves.to(s.dtype) * SHARE  # where(moves, SHARE, 0.0) would be float32
        block.add_(means, share, list(torch._foreach_sub(block.weights, means)))
        worst = torch.where(moves, squares / s, 0).max()
        P.sub_(worst * P[:, :1] @ P[:, :1].T)
