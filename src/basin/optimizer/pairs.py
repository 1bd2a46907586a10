"""The pairs of step and gradient change of which one level's SR1 approximation is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from basin.optimizer.koala import exact
from basin.optimizer.lsr1 import Products, propose, usable


def read(values: Tensor) -> Any:
    """Numbers on the host, which waits for them: acceptance and radius are decided there."""
    return values.tolist()


class Pairs:
    """The last `memory` pairs (s, y), each (P,), oldest first.

    gamma: curvature of directions that no pair has measured; None: y^T y / s^T y of the newest pair
    where that is positive, and 1 before there is one.
    A pair that SR1 has to leave out is dropped when it is first met.
    """

    def __init__(self, *, memory: int, gamma: float | None) -> None:
        self._memory, self._gamma = memory, gamma
        self.steps: list[Tensor] = []
        self.changes: list[Tensor] = []

    def add(self, step: Tensor, change: Tensor) -> None:
        """The newest pair, in place of the oldest where there is no more room.

        It is kept per unit of step, which SR1 does not see and rounding does.
        """
        length = torch.linalg.vector_norm(step)
        self.steps = [*self.steps, step / length][-self._memory :]
        self.changes = [*self.changes, change / length][-self._memory :]

    def clear(self) -> None:
        """Forget all: they are of another function."""
        self.steps, self.changes = [], []

    def propose(self, gradient: Tensor, radius: float) -> tuple[Tensor, float]:
        """A step (P,) of at most `radius`, and the decrease that the quadratic model predicts.

        The step is 0, and predicts nothing, where the gradient is not finite.
        """
        rows = torch.stack([*self.steps, *self.changes, gradient])  # (2 k + 1, P)
        wide = rows.to(exact(rows))
        products = Products(np.array(read(wide @ wide.T)))
        if not products.gram[-1, -1] < float("inf"):
            return torch.zeros_like(gradient), 0.0
        gamma = products.measured_gamma(1.0) if self._gamma is None else self._gamma
        kept = usable(products, gamma)
        if len(kept) < products.num:
            rows = rows[[*kept, *(products.num + i for i in kept), 2 * products.num]]
            self.steps = [self.steps[i] for i in kept]
            self.changes = [self.changes[i] for i in kept]
            products = products.of(kept)
        proposal = propose(products, gamma, radius)
        step = torch.from_numpy(proposal.weights).to(rows) @ rows
        shorter = (radius / torch.linalg.vector_norm(step)).clamp(max=1.0)  # than rounding made it
        return step * shorter, proposal.predicted

    def state_dict(self) -> dict[str, Any]:
        """Both lists."""
        return {"steps": list(self.steps), "changes": list(self.changes)}

    def load_state_dict(self, state_dict: dict[str, Any], like: Tensor) -> None:
        """The inverse of `state_dict`."""
        self.steps = [t.to(like) for t in state_dict["steps"]]
        self.changes = [t.to(like) for t in state_dict["changes"]]
