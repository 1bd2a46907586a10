"""Training on a sphere: the norm of scale-invariant weights is held (Lobacheva et al. 2021)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from basin.core.parameters import norm
from basin.core.protocols import Closure, Optimizer
from basin.core.scale_invariance import scale_invariant
from basin.optimizer.ranges import above_0
from basin.optimizer.wrapper import Wrapper


class Sphere(Wrapper):
    """After each step of the base, w = w radius / |w|, |w| the norm over all such weights together.

    radius: None for the norm that they had when the optimizer was built. lr / radius^2 is then the
    effective rate, and weight decay of these weights does next to nothing (arXiv:2106.15739,
    `fix_si_pnorm` of the authors' code).
    Differs: the same weights are measured and rescaled; theirs rescales layers by their name.
    Raises ValueError for a network that declares no scale-invariant weights.
    """

    def __init__(self, *, base: Optimizer, model: nn.Module, radius: float | None) -> None:
        super().__init__(base)
        self._weights = [w.detach() for w in scale_invariant(model)]
        if not self._weights:
            raise ValueError(
                f"optimizer=sphere holds the norm of scale-invariant weights, and"
                f" {type(model).__name__} declares none; take model=convnet_si or resnet18_si"
            )
        if radius is not None:
            above_0(radius=radius)
        self._radius: Tensor = (
            norm(self._weights) if radius is None else self._weights[0].new_tensor(radius)
        )

    @torch.no_grad()
    def step(self, closure: Closure) -> Any:
        """One step of the base, and back to the sphere."""
        loss = self.base.step(closure)
        torch._foreach_mul_(self._weights, self._radius / norm(self._weights))
        return loss

    def own_state(self) -> dict[str, Any]:
        """The radius."""
        return {"radius": self._radius}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """The inverse of `own_state`."""
        self._radius = state["radius"].to(self._weights[0].device)
