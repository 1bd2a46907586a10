"""What ensembles of one run's iterates share: members at given moments, their mean softmax."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from basin.averaging.members import Members
from basin.core.protocols import Batches, TrainState


class PredictionAverage:
    """An iterate becomes a member where `count`, of moments in [0, t], has grown.

    Members predict with the BN statistics that they had: no re-estimation.
    most: members that are kept, the latest ones; None for all.
    """

    def __init__(
        self, name: str, members: Members, *, count: Callable[[float], int], most: int | None
    ) -> None:
        self._name, self._members, self._count, self._most = name, members, count, most
        self._seen = 0.0

    def observe(self, state: TrainState) -> None:
        """Take the iterate in where its moment has come."""
        if state.t < self._seen:  # the ensemble grows on in another stage
            self._seen = 0.0
        if self._count(state.t) > self._count(self._seen):
            self._members.add(most=self._most)
        self._seen = state.t

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """The ensemble, once there is a member."""
        if len(self._members):
            yield self._name, self._members.ensemble()

    def restart(self, state: TrainState, batches: Batches) -> None:
        """Nothing: the live weights go their own way."""

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return self._members.describe()

    def state_dict(self) -> dict[str, Any]:
        """The members, and how far it has looked."""
        return {"members": self._members.state_dict(), "seen": self._seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self._members.load_state_dict(state_dict["members"])
        self._seen = state_dict["seen"]
