"""Sharpness-aware minimisation (Foret et al. 2021, arXiv:2010.01412) around any optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from basin.core.clock import Clock
from basin.core.parameters import gradients, group_parameters, norm
from basin.core.protocols import Closure, Optimizer
from basin.optimizer.ranges import at_least_0
from basin.optimizer.ranks import mean_over_ranks, sum_over_ranks_
from basin.optimizer.sam_checks import check_base, check_counts
from basin.optimizer.wrapper import Derived, Wrapper

Direction = Callable[[list[Tensor], list[Tensor]], list[Tensor]]
"""(weights, gradients) -> e / rho, the way up."""
TINY = 1e-12
"""Added to norms, so that a gradient of 0 gives no way up instead of NaN."""


def steepest(weights: list[Tensor], ascent: list[Tensor]) -> list[Tensor]:
    """g / |g|, one norm over all tensors (eq. 2 with p = 2)."""
    return list(torch._foreach_div(ascent, norm(ascent) + TINY))


class SAM(Wrapper):
    """The base steps from w with the gradient at w + e, e = rho direction(w, g) (Algorithm 1).

    direction: from weights and gradients to e / rho; `steepest` is SAM, `asam.adaptive` ASAM.
    rho: of the param groups without their own; a field, so it can be scheduled.
    m: examples that share one e (m-sharpness); null: the whole minibatch of each rank.
    ascent_steps: steps of length rho along the direction, each projected onto |e| <= rho.
    decay: `base` decays as the base does, at w; `loss` moves the groups' weight_decay to their
    field loss_decay: the L2 term is then part of both gradients, so of e too (the authors' code);
    refused where the base's decay is decoupled, normalised or in KOALA's filter: no L2 term.
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
        clock: Clock | None = None,
    ) -> None:
        super().__init__(base)
        check_counts(m, ascent_steps, None if clock is None else clock.batch_size)
        check_base(base, decay)
        parts = (f"m={m}" if m else "", "decay=loss" if decay == "loss" else "")
        self.combines = " and ".join(filter(None, parts))  # what makes its gradient a sum
        self._direction, self._m, self._ascents = direction, m, ascent_steps
        self._sync_ascent = sync_ascent
        for group in self.param_groups:
            at_least_0(rho=group.setdefault("rho", rho))
            group["loss_decay"] = 0.0
            if decay == "loss":
                group["loss_decay"], group["weight_decay"] = group["weight_decay"], 0.0

    def step(self, closure: Closure) -> Any:
        """The base's step with the gradient at the perturbed weights."""
        return self.base.step(Derived(closure, self._gradient))

    def _gradient(self, closure: Closure, **switches: bool) -> tuple[Tensor, Tensor]:
        """Loss and losses (B,) at w; leaves the mean of the chunks' gradients in p.grad."""
        weights = [p.detach() for p in group_parameters(self)]
        start = list(torch._foreach_clone(weights))
        total: dict[Tensor, Tensor] = {}
        losses: list[Tensor] = []
        sync = switches.get("sync", True)
        for chunk in closure.chunks(self._m) if self._m else [closure]:
            whole = chunk.size == closure.size
            try:
                losses.append(self._climb(chunk, start, switches))
                chunk(**{**switches, "track_stats": False, "sync": sync and whole})
                self._add_decay()
            finally:
                torch._foreach_copy_(weights, start)
            if not whole:
                self._accumulate(total, len(chunk.losses) / closure.size)
        at_w = losses[0] if len(losses) == 1 else torch.cat(losses)
        if total and sync:
            sum_over_ranks_(list(total.values()))
        elif total:
            torch._foreach_mul_(list(total.values()), closure.size / len(at_w))
        for p, gradient in total.items():
            p.grad = gradient
        return mean_over_ranks(at_w) if sync else at_w.mean(), at_w

    def _climb(self, closure: Closure, start: list[Tensor], switches: dict[str, bool]) -> Tensor:
        """Move the weights to w + e; losses (b,) at w."""
        first, ball = None, [torch.zeros_like(at) for at in start] if self._ascents > 1 else []
        sync = switches.get("sync", True) and self._sync_ascent
        for _ in range(self._ascents):
            track = first is None and switches.get("track_stats", True)
            closure(track_stats=track, sync=sync, coupled_gates=True)
            first = closure.losses if first is None else first
            self._add_decay()
            self._ascend(start, ball)
        assert first is not None
        return first

    @torch.no_grad()
    def _ascend(self, start: list[Tensor], ball: list[Tensor]) -> None:
        """One step along the direction; `ball` is e / rho so far, kept within the unit ball."""
        parameters = group_parameters(self)
        rows = [row for row, p in enumerate(parameters) if p.grad is not None]
        if not rows:
            return
        weights = [parameters[row].detach() for row in rows]
        e = self._direction(weights, gradients(parameters))
        if self._ascents > 1:
            so_far = [ball[row] for row in rows]
            torch._foreach_add_(so_far, e)
            torch._foreach_mul_(so_far, (1 / (norm(so_far) + TINY)).clamp(max=1))
            torch._foreach_copy_(weights, [start[row] for row in rows])
            e = so_far
        begin = 0
        for group in self.param_groups:
            end = begin + len(gradients(group["params"]))
            if end > begin:
                torch._foreach_add_(weights[begin:end], e[begin:end], alpha=group["rho"])
            begin = end

    @torch.no_grad()
    def _add_decay(self) -> None:
        """The gradient of the L2 term, at the present weights."""
        for group in self.param_groups:
            decayed = [p for p in group["params"] if p.grad is not None]
            if group["loss_decay"] and decayed:
                torch._foreach_add_(gradients(decayed), decayed, alpha=group["loss_decay"])

    def _accumulate(self, total: dict[Tensor, Tensor], share: float) -> None:
        """Add this chunk's share of the gradient."""
        for p in group_parameters(self):
            if p.grad is not None and p not in total:
                total[p] = torch.zeros_like(p.grad)
        mine = [(p.grad, total[p]) for p in group_parameters(self) if p.grad is not None]
        torch._foreach_add_([t for _, t in mine], [g for g, _ in mine], alpha=share)
