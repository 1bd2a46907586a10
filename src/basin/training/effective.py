"""What training does to a scale-invariant network: its norm, effective rate and gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from basin.core.parameters import gradients, norm
from basin.core.scale_invariance import scale_invariant

NAMES = ("si_norm", "effective_lr", "effective_gradient_norm")


class Effective:
    """Means over the updates since the last line: rho, lr / rho^2, rho |g| (Lobacheva et al. 2021).

    rho is the norm of the scale-invariant weights before an update, |g| that of their gradient of
    the minibatch's loss, without decay. A network without such weights has no values.
    Differs: the authors hold the weights of an epoch's end for a pass over the training set; here
    they move between the minibatches, as they are trained, which costs no pass. With
    evaluate_every=1 a line is an epoch, as theirs.
    """

    def __init__(self, model: nn.Module) -> None:
        self._weights = scale_invariant(model)
        self._sums: Tensor | None = None  # (3,) in the order of NAMES
        self._rho: Tensor | None = None
        self._lr, self._updates = 0.0, 0

    @torch.no_grad()
    def before(self, lr: float) -> None:
        """Look at the weights before an update of this rate."""
        if self._weights:
            self._rho, self._lr = norm([w.detach() for w in self._weights]).double(), lr

    @torch.no_grad()
    def after(self) -> None:
        """Look at the gradient that the update was made of."""
        present = gradients(self._weights)
        if self._rho is None or not present:
            return
        rho = self._rho
        now = torch.stack([rho, self._lr / rho**2, rho * norm(present)])
        self._sums = now if self._sums is None else self._sums + now
        self._updates += 1

    def read(self) -> dict[str, float]:
        """The means, in one wait for the device, and begin a new epoch."""
        if self._sums is None:
            return {}
        values = (self._sums / self._updates).tolist()
        self._sums, self._updates = None, 0
        return dict(zip(NAMES, values, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """What the rest of an unfinished epoch needs."""
        return {"sums": self._sums, "updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        sums = state_dict["sums"]
        self._sums = None if sums is None else sums.to(self._weights[0].device)
        self._updates = state_dict["updates"]
