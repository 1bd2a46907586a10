"""Scoping: the strength gamma of a coupling grows during the run (arXiv:1611.01838)."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import torch
from torch import Tensor

GROWTH = 1e4
"""Of gamma over a whole run, where its growth is not given."""


def counts_updates(values: Mapping[str, Any]) -> bool:
    """Whether gamma grows by 1e4 over so many updates, which are of one batch size."""
    return values["growth"] is None


class Scoping:
    """gamma measured (1 + growth)^t.

    measures: gamma is not given (null); `measured` is 0 until `measure_` writes it, and else 1.
    growth null: gamma grows by 1e4 in `length` units of t and stays there; of a state that is taken
    over, growth and length are the state's, so that gamma goes on where it was.
    """

    def __init__(
        self, *, gamma: float | None, growth: float | None, length: float, like: Tensor
    ) -> None:
        self.measures = gamma is None
        self.gamma = 1.0 if gamma is None else gamma
        self._automatic = growth is None
        self._length = max(1.0, length) if growth is None else inf
        self.growth = GROWTH ** (1 / self._length) - 1 if growth is None else growth
        self.measured = like.detach().new_tensor(0.0 if gamma is None else 1.0)

    def strength(self, gamma: float, t: int) -> Tensor:
        """Gamma now, 0-d, for a param group's field and the time that has passed."""
        return self.measured * (gamma * (1 + self.growth) ** min(t, self._length))

    def measure_(self, loss: Tensor, squared_distance: Tensor) -> None:
        """Gamma balances the loss and the coupling: loss / squared distance, the first above 0."""
        due = (self.measured == 0) & (squared_distance > 0)
        self.measured.copy_(torch.where(due, loss / squared_distance, self.measured))

    def state_dict(self) -> dict[str, Any]:
        """What was measured, and how gamma grows."""
        return {"measured": self.measured, "growth": self.growth, "length": self._length}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse; a growth that is given stays. Older states have what was measured alone."""
        self.measured.copy_(state["measured"])
        if self._automatic and "growth" in state:
            self.growth, self._length = state["growth"], state["length"]
