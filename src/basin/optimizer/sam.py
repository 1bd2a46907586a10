"""Sharpness-aware minimisation (Foret et al. 2021, arXiv:2010.01412) around any optimizer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from basin.core.parameters import gradients, group_parameters, norm
from basin.core.protocols import Closure, Optimizer
from basin.optimizer.ranges import at_least_0
from basin.optimizer.wrapper import Derived, Wrapper

Direction = Callable[[list[Tensor], list[Tensor]], list[Tensor]]
"""(weights, gradients) -> e / rho, the way up."""
DECAYS = ("base", "loss")
TINY = 1e-12
"""Added to norms, so that a gradient of 0 gives no way up instead of NaN."""


def steepest(weights: list[Tensor], ascent: list[Tensor]) -> list[Tensor]:
    """g / |g|, one norm over all tensors (eq. 2 with p = 2)."""
    return list(torch._foreach_div(ascent, norm(ascent) + TINY))


class SAM(Wrapper):
    """The base steps from w with the gradient at w + e, e = rho direction(w, g) (Algorithm 1).

    direction: from weights and gradients to e / rho; `steepest` is SAM, `asam.adaptive` ASAM.
    rho: field of the param groups, so it can be scheduled.
    m: examples that share one e (m-sharpness); null: the whole minibatch of each rank.
    ascent_steps: steps of length rho along the direction, each projected onto |e| <= rho.
    decay: `base` decays as the base does, at w; `loss` moves the groups' weight_decay to their
    field loss_decay: the L2 term is then part of both gradients, so of e too (the authors' code).
    sync_ascent: ranks average the gradient that e is made of; false leaves each its own.
    BN running statistics move in the first pass only, and Shake-Shake's and ShakeDrop's gates
    keep their forward coefficients while climbing. Where a pass overflows the step leaves no trace.
    Differs: |g| has 1e-12 added. The paper's step length of several ascent steps is not stated.
    """

    def __init__(
        self,
        *,
        base: Optimizer,
        direction: Direction,
        rho: float,
        m: int | None,
        ascent_steps: int,
        decay: str,
        sync_ascent: bool,
    ) -> None:
        super().__init__(base)
        at_least_0(rho=rho)
        for name, count in (("m", m), ("ascent_steps", ascent_steps)):
            if count is not None and count < 1:
                raise ValueError(f"{name}={count} is less than 1")
        if decay not in DECAYS:
            raise ValueError(f"decay={decay!r} is not one of {', '.join(DECAYS)}")
        self._direction, self._m, self._ascents = direction, m, ascent_steps
        self._sync_ascent = sync_ascent
        for group in self.param_groups:
            group["rho"] = rho
            group["loss_decay"] = 0.0
            if decay == "loss":
                if "weight_decay" not in group:
                    raise ValueError("decay=loss: the base has no weight_decay to move")
                group["loss_decay"], group["weight_decay"] = group["weight_decay"], 0.0

    def step(self, closure: Closure) -> Any:
        """The base's step with the gradient at the perturbed weights."""
        return self.base.step(Derived(closure, partial(self._gradient, closure)))

    def _gradient(self, closure: Closure, **switches: bool) -> tuple[Tensor, Tensor]:
        """Loss and losses (B,) at w; leaves the mean of the chunks' gradients in p.grad."""
        weights = [p.detach() for p in group_parameters(self)]
        start = list(torch._foreach_clone(weights))
        total: dict[Tensor, Tensor] = {}
        loss, losses = torch.zeros((), device=weights[0].device), []
        for chunk in closure.chunks(self._m) if self._m else [closure]:
            share = chunk.size / closure.size
            try:
                at_w = self._climb(chunk, start, switches)
                losses.append(at_w[1])
                chunk(**{**switches, "track_stats": False})
                self._add_decay()
            finally:
                torch._foreach_copy_(weights, start)
            loss = loss + share * at_w[0]
            if share == 1:
                return at_w
            self._accumulate(total, share)
        for p, gradient in total.items():
            p.grad = gradient
        return loss, torch.cat(losses)

    def _climb(
        self, closure: Closure, start: list[Tensor], switches: dict[str, bool]
    ) -> tuple[Tensor, Tensor]:
        """Move the weights to w + e; loss and losses at w."""
        first = None
        sync = switches.get("sync", True) and self._sync_ascent
        for _ in range(self._ascents):
            track = first is None and switches.get("track_stats", True)
            loss = closure(track_stats=track, sync=sync, coupled_gates=True)
            first = first or (loss, closure.losses)
            self._add_decay()
            self._ascend(start)
        assert first is not None
        return first

    @torch.no_grad()
    def _ascend(self, start: list[Tensor]) -> None:
        """One step along the direction from where the weights are, and the projection."""
        pairs = zip(group_parameters(self), start, strict=True)
        moving = [(p.detach(), p.grad, at) for p, at in pairs if p.grad is not None]
        weights, ascent, at = (list(column) for column in zip(*moving, strict=True))
        rho = self.param_groups[0]["rho"]
        torch._foreach_add_(weights, self._direction(weights, ascent), alpha=rho)
        if self._ascents > 1:
            away = torch._foreach_sub(weights, at)
            shrink = (rho / (norm(away) + TINY)).clamp(max=1)
            torch._foreach_copy_(weights, torch._foreach_add(at, torch._foreach_mul(away, shrink)))

    @torch.no_grad()
    def _add_decay(self) -> None:
        """The gradient of the L2 term, at the present weights."""
        for group in self.param_groups:
            if group["loss_decay"]:
                decayed = [p for p in group["params"] if p.grad is not None]
                torch._foreach_add_(gradients(decayed), decayed, alpha=group["loss_decay"])

    def _accumulate(self, total: dict[Tensor, Tensor], share: float) -> None:
        """Add this chunk's share of the gradient."""
        for p in group_parameters(self):
            if p.grad is not None and p not in total:
                total[p] = torch.zeros_like(p.grad)
        mine = [(p.grad, total[p]) for p in group_parameters(self) if p.grad is not None]
        torch._foreach_add_([t for _, t in mine], [g for g, _ in mine], alpha=share)
