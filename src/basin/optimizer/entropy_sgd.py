"""Entropy-SGD (Chaudhari et al. 2017, arXiv:1611.01838) as Pittorino et al. 2021 have it.

arXiv:2006.07897, by the authors' code: Langevin steps around a centre, which moves to their mean.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.clock import Clock
from basin.core.parameters import gradients, group_parameters, norm, taking_part
from basin.core.protocols import Closure, Parameters
from basin.optimizer.langevin import Langevin
from basin.optimizer.ranges import above_0, at_least_0, at_most_1, below_1

OUTER = ("momentum", "plain")
GROWTH = 1e4
"""Of gamma over a whole run whose `growth` is not given."""


class EntropySGD(torch.optim.Optimizer):
    """Inner: from w' = mu = w, L times on a fresh minibatch: `langevin.Langevin` moves w', and
    mu = alpha mu + (1 - alpha) w'. Outer: D = (w - mu) + weight_decay w with momentum;
    w -= lr gamma D.

    gamma: field of the groups, times (1 + growth)^t after t outer steps. gamma null: measured at
    the end of the second outer step as loss / (|w - w'|^2 / 2), and 0 until then. growth null:
    gamma grows by 1e4 over `epochs`. scale_by_gamma: false leaves lr D.
    outer: `momentum`, or `plain` w -= lr gamma (w - mu), as Chaudhari's Lua code.
    An outer step draws `steps` minibatches and moves the BN statistics as often; they are those of
    the last particle w', not of the centre.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        nesterov: bool,
        outer: str,
        steps: int,
        inner_lr: float,
        inner_momentum: float,
        inner_weight_decay: float,
        alpha: float,
        noise: float,
        gamma: float | None,
        growth: float | None,
        scale_by_gamma: bool,
        epochs: float,
        clock: Clock,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay, inner_weight_decay=inner_weight_decay)
        at_least_0(noise=noise, gamma=gamma or 0.0, growth=growth or 0.0)
        below_1(momentum=momentum, inner_momentum=inner_momentum)
        at_most_1(alpha=alpha)
        above_0(inner_lr=inner_lr, epochs=epochs)
        if steps < 1:
            raise ValueError(f"steps={steps} is less than 1: L inner steps make one update")
        if outer not in OUTER:
            raise ValueError(f"outer={outer!r} is not one of {', '.join(OUTER)}")
        spared = [group.get("weight_decay") == 0.0 for group in params]
        fields = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, {**fields, "gamma": 1.0 if gamma is None else gamma})
        self._nesterov, self._plain, self._steps = nesterov, outer == "plain", steps
        self._inner = Langevin(inner_lr, inner_momentum, nesterov, noise)
        self._alpha, self._scales = alpha, scale_by_gamma
        updates = max(1.0, epochs * clock.steps_per_epoch / steps)
        self._growth = GROWTH ** (1 / updates) - 1 if growth is None else growth
        for group, without in zip(self.param_groups, spared, strict=True):
            group["inner_weight_decay"] = 0.0 if without else inner_weight_decay
            for p in group["params"]:
                self.state[p] = {"momentum_buffer": torch.zeros_like(p)}
        self._measures, self._t = gamma is None, 0
        self._measured = self.param_groups[0]["params"][0].new_tensor(0.0 if gamma is None else 1.0)

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """L inner steps and one update; returns the loss at the centre."""
        parameters = [p.detach() for p in group_parameters(self)]
        centre = list(torch._foreach_clone(parameters))
        try:
            first, mean, loss = self._explore(closure, parameters, centre)
        finally:
            distances = list(torch._foreach_sub(parameters, centre))
            torch._foreach_copy_(parameters, centre)
        with torch.no_grad():
            means = dict(
                zip((p for g in self.param_groups for p in g["params"]), mean, strict=True)
            )
            for group in self.param_groups:
                self._move(group, means)
            if self._measures and self._t == 1:
                self._measured.copy_(loss / (0.5 * norm(distances).square()))
        self._t += 1
        return first

    def _gamma(self, group: dict[str, Any]) -> Tensor:
        return self._measured * (group["gamma"] * (1 + self._growth) ** self._t)

    def _explore(
        self, closure: Closure, weights: list[Tensor], centre: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """First loss, the mean mu of the particle's places, and the last loss."""
        mean = list(torch._foreach_clone(centre))
        velocities = [torch.zeros_like(w) for w in weights]
        losses: list[Tensor] = []
        for turn in range(self._steps):
            if turn:
                closure.resample()
            losses.append(closure())
            with torch.no_grad():
                self._langevin(weights, centre, velocities)
                torch._foreach_lerp_(mean, weights, 1 - self._alpha)
        return losses[0], mean, losses[-1]

    def _langevin(
        self, weights: list[Tensor], centre: list[Tensor], velocities: list[Tensor]
    ) -> None:
        """One move of the particle; a parameter without gradient stays."""
        start = 0
        for group in self.param_groups:
            rows = [start + i for i, p in enumerate(group["params"]) if p.grad is not None]
            start += len(group["params"])
            if rows:
                w, c, v = ([values[i] for i in rows] for values in (weights, centre, velocities))
                self._inner.move_(
                    w,
                    gradients(group["params"]),
                    c,
                    v,
                    gamma=self._gamma(group),
                    weight_decay=group["inner_weight_decay"],
                )

    def _move(self, group: dict[str, Any], means: dict[Any, Tensor]) -> None:
        """The outer step of one group, from its centre."""
        weights, _, buffers = taking_part(self, group, "momentum_buffer")
        if not weights:
            return
        d = list(torch._foreach_sub(weights, [means[p] for p in weights]))
        if not self._plain:
            torch._foreach_add_(d, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(buffers, group["momentum"])
            torch._foreach_add_(buffers, d)
            if self._nesterov:
                torch._foreach_add_(d, buffers, alpha=group["momentum"])
            else:
                d = list(torch._foreach_clone(buffers))
        if self._scales:
            torch._foreach_mul_(d, self._gamma(group).to(d[0].dtype))
        torch._foreach_add_(weights, d, alpha=-group["lr"])

    def state_dict(self) -> dict[str, Any]:
        """torch's, outer steps so far, and what was measured."""
        return {**super().state_dict(), "scoping": {"t": self._t, "measured": self._measured}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        scoping = state_dict["scoping"]
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "scoping"})
        self._t = scoping["t"]
        self._measured.copy_(scoping["measured"])
