"""A stage that begins with a solution of the stage before it (DSWA, TSWA: arXiv:2201.00519)."""

from __future__ import annotations

from torch import nn

from basin.core.protocols import Solutions
from basin.core.solutions import load_


class FromSolution:
    """The weights and buffers of a solution (an average with its BN statistics) into the model."""

    def __init__(self, solutions: Solutions, *, solution: str) -> None:
        self._solution = solution
        self._weights = solutions(solution)

    def __call__(self, model: nn.Module) -> nn.Module:
        """The same model, changed."""
        if self._weights is not None:
            load_(model, self._weights, source=f"the solution {self._solution}")
        return model
