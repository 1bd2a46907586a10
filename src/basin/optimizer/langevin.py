"""The inner steps of Entropy-SGD: a noisy particle held near a centre (arXiv:2006.07897)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from basin.core.parameters import gradients


@dataclass(frozen=True)
class Langevin:
    """d = g + gamma (w' - w) + wd w'; v = mu v + d; w' -= lr (d + mu v + noise / sqrt(lr / 2) N).

    Without nesterov d + mu v is v. coupling `late`: gamma (w' - w) is left out of d, and of v, and
    added beside the noise (Chaudhari et al. 2017, their Python); `late_decay`: wd w' too (their
    Lua, of the paper's runs).
    Differs: without nesterov what they add beside enters v, by an alias: theirs is then `early`.
    """

    lr: float
    momentum: float
    nesterov: bool
    noise: float
    coupling: str

    def move_(
        self,
        weights: list[Tensor],
        gradients: list[Tensor],
        centre: list[Tensor],
        velocities: list[Tensor],
        *,
        gamma: Tensor,
        weight_decay: float,
        generator: torch.Generator | None,
    ) -> None:
        """Weights and velocities after one step."""
        pull = list(torch._foreach_mul(torch._foreach_sub(weights, centre), gamma))
        early = self.coupling == "early"
        d = list(torch._foreach_add(pull, gradients) if early else torch._foreach_clone(gradients))
        beside = self.coupling == "late_decay"
        torch._foreach_add_(pull if beside else d, weights, alpha=weight_decay)
        torch._foreach_mul_(velocities, self.momentum)
        torch._foreach_add_(velocities, d)
        if self.nesterov:
            torch._foreach_add_(d, velocities, alpha=self.momentum)
        else:
            d = list(torch._foreach_clone(velocities))  # noise stays out of the velocities
        if not early:
            torch._foreach_add_(d, pull)
        if self.noise:
            scale = self.noise / sqrt(0.5 * self.lr)
            draws = [torch.randn_like(x, generator=generator) for x in d]
            torch._foreach_add_(d, draws, alpha=scale)
        torch._foreach_add_(weights, d, alpha=-self.lr)


class Particle:
    """The live weights w' while they explore around the centre w, and mu, the mean of their places.

    mu = alpha mu + (1 - alpha) w' after every move. A weight without gradient stays.
    """

    def __init__(self, parameters: Sequence[Tensor], inner: Langevin, alpha: float) -> None:
        self._parameters, self._inner, self._alpha = parameters, inner, alpha
        self._weights = [p.detach() for p in parameters]
        self._centre = list(torch._foreach_clone(self._weights))
        self._velocities = [torch.zeros_like(w) for w in self._weights]
        self.mean = list(torch._foreach_clone(self._weights))
        self.moved = [False] * len(self._weights)  # whether it had a gradient in some move

    @torch.no_grad()
    def move_(
        self,
        groups: Sequence[dict[str, Any]],
        gammas: Sequence[Tensor],
        generator: torch.Generator | None,
    ) -> None:
        """One move of every group's weights with the gradients there are."""
        start = 0
        for group, gamma in zip(groups, gammas, strict=True):
            rows = [start + i for i, p in enumerate(group["params"]) if p.grad is not None]
            start += len(group["params"])
            for row in rows:
                self.moved[row] = True
            if rows:
                lists = (self._weights, self._centre, self._velocities)
                weights, centre, velocities = ([each[row] for row in rows] for each in lists)
                self._inner.move_(
                    weights,
                    gradients(group["params"]),
                    centre,
                    velocities,
                    gamma=gamma,
                    weight_decay=group["inner_weight_decay"],
                    generator=generator,
                )
        torch._foreach_lerp_(self.mean, self._weights, 1 - self._alpha)

    @torch.no_grad()
    def return_(self) -> list[Tensor]:
        """The live weights are the centre again; returns where the particle was from there."""
        away = list(torch._foreach_sub(self._weights, self._centre))
        torch._foreach_copy_(self._weights, self._centre)
        return away
