"""Entropy-SGD (Chaudhari et al. 2017, arXiv:1611.01838) as Pittorino et al. 2021 have it.

arXiv:2006.07897, by the authors' code: Langevin steps around a centre, which moves to their mean.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.clock import Clock, Epochs
from basin.core.parameters import group_parameters, norm
from basin.core.protocols import Closure, Parameters
from basin.optimizer.langevin import Langevin, Particle
from basin.optimizer.ranges import above_0, at_least_0, at_least_1, below_1, one_of
from basin.optimizer.ranks import common_noise
from basin.optimizer.scoping import Scoping, counts_updates

OUTER = ("momentum", "plain")
COUPLING = ("early", "late", "late_decay")


class EntropySGD(torch.optim.Optimizer):
    """Inner: from w' = mu = w, L times on a fresh minibatch: `langevin.Langevin` moves w', and
    mu = alpha mu + (1 - alpha) w'. Outer: D = (w - mu) + weight_decay w with momentum;
    w -= lr gamma D.

    gamma: field of the groups, times (1 + growth)^t after t outer steps. gamma null: measured at
    the end of the second outer step (where w' is still w, of the first later one) as loss over
    |w - w'|^2 / 2, and 0 until then. growth null: gamma grows by 1e4 over `epochs` (see `Scoping`).
    coupling: see `Langevin`. scale_by_gamma: false leaves lr D. outer: `momentum`, or `plain`
    w -= lr gamma (w - mu); Chaudhari's codes scale neither. An outer step moves the BN statistics
    L times; they are those of the last w', not of the centre.
    Differs: without Nesterov the authors' noise also enters the velocity, by an alias; a growth
    that is not given holds from the first step, theirs from the second. Chaudhari's draw L + 1
    minibatches; outer velocity begins as a gradient, gamma stays (Python), or is one step on (Lua).
    """

    counts_updates = staticmethod(counts_updates)

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
        coupling: str,
        inner_lr: float,
        inner_momentum: float,
        inner_weight_decay: float,
        alpha: float,
        noise: float,
        gamma: float | None,
        growth: float | None,
        scale_by_gamma: bool,
        epochs: Epochs,
        clock: Clock,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay, inner_weight_decay=inner_weight_decay)
        at_least_0(noise=noise, gamma=gamma or 0.0, growth=growth or 0.0)
        below_1(momentum=momentum, inner_momentum=inner_momentum, alpha=alpha)
        above_0(inner_lr=inner_lr, epochs=epochs)
        at_least_1(steps=steps)
        one_of(OUTER, outer=outer)
        one_of(COUPLING, coupling=coupling)
        if gamma == 0 and scale_by_gamma:
            raise ValueError(
                "gamma=0 with scale_by_gamma=true would move nothing; give scale_by_gamma=false"
            )
        fields = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        first, updates = params[0]["params"][0], epochs * clock.steps_per_epoch / steps
        self._scoping = Scoping(gamma=gamma, growth=growth, length=updates, like=first)
        super().__init__(params, {**fields, "gamma": self._scoping.gamma})
        self._nesterov, self._plain, self._steps = nesterov, outer == "plain", steps
        self._inner = Langevin(inner_lr, inner_momentum, nesterov, noise, coupling)
        self._alpha, self._scales = alpha, scale_by_gamma
        for group in self.param_groups:
            group["inner_weight_decay"] = 0.0 if group.get("spared") else inner_weight_decay
            for p in group["params"]:
                self.state[p] = {} if self._plain else {"momentum_buffer": torch.zeros_like(p)}
        self._t = 0

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """L inner steps and one update; returns the loss at the centre."""
        particle = Particle(group_parameters(self), self._inner, self._alpha)
        gammas = [self._scoping.strength(g["gamma"], self._t) for g in self.param_groups]
        try:
            first, last = self._explore(closure, particle, gammas)
        finally:
            away = particle.return_()
        with torch.no_grad():
            start, moved = 0, particle.moved
            for group, gamma in zip(self.param_groups, gammas, strict=True):
                rows = range(start, start + len(group["params"]))
                start = rows.stop
                weights = [p for p, row in zip(group["params"], rows, strict=True) if moved[row]]
                means = [particle.mean[row] for row in rows if moved[row]]
                if weights:
                    self._outer(weights, means, group, gamma)
            if self._scoping.measures and self._t:
                self._scoping.measure_(last, 0.5 * norm(away).square())
        self._t += 1
        return first

    def _explore(
        self, closure: Closure, particle: Particle, gammas: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The first and the last loss."""
        seed, device = torch.initial_seed(), gammas[0].device
        losses: list[Tensor] = []
        for turn in range(self._steps):
            if turn:
                closure.resample()
            losses.append(closure())
            generator = common_noise(seed, self._t, turn, device=device)
            particle.move_(self.param_groups, gammas, generator)
        return losses[0], losses[-1]

    def _outer(
        self, weights: list[Tensor], means: list[Tensor], group: dict[str, Any], gamma: Tensor
    ) -> None:
        """The outer step of weights from their centre."""
        d = list(torch._foreach_sub(weights, means))
        if not self._plain:
            buffers = [self.state[p]["momentum_buffer"] for p in weights]
            torch._foreach_add_(d, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(buffers, group["momentum"])
            torch._foreach_add_(buffers, d)
            if self._nesterov:
                torch._foreach_add_(d, buffers, alpha=group["momentum"])
            else:
                d = list(torch._foreach_clone(buffers))
        if self._scales:
            torch._foreach_mul_(d, gamma.to(d[0].dtype))
        torch._foreach_add_(weights, d, alpha=-group["lr"])

    def state_dict(self) -> dict[str, Any]:
        """torch's, outer steps so far, and the scoping's."""
        scoping = {"t": self._t, **self._scoping.state_dict()}
        return {**super().state_dict(), "scoping": scoping}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        scoping = state_dict["scoping"]
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "scoping"})
        self._t = scoping["t"]
        self._scoping.load_state_dict(scoping)
