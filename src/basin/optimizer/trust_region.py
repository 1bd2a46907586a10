"""Trust-region steps on one level (Conn, Gould and Toint 2000, algorithm 6.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

import torch
from torch import Tensor

from basin.core.protocols import Closure
from basin.optimizer.level import Level, Terms, Value, decrease
from basin.optimizer.pairs import read
from basin.optimizer.ranges import above_0, at_least_0, below_1

ROUNDING = 1e-6
"""Of the room on a coarse level, left free so that rounding does not exceed it."""
SPENT = 0.01
"""Of that room: where less is left a visit ends, as in Gratton, Sartenaer and Toint 2008."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a step is taken and how the radius answers to r = actual / predicted decrease.

    A step is taken if r > accept. The radius is multiplied by `shrink` if r < accept, by `grow` if
    r > expand.
    """

    accept: float  # eta_1
    expand: float  # eta_2
    shrink: float  # gamma_1
    grow: float  # gamma_2

    def __post_init__(self) -> None:
        at_least_0(accept=self.accept, expand=self.expand, grow=self.grow)
        above_0(shrink=self.shrink)
        below_1(shrink=self.shrink)
        if self.expand < self.accept:
            raise ValueError(
                f"expand={self.expand} is below accept={self.accept}: the radius would grow after"
                " steps that are not taken"
            )
        if self.grow < 1:
            raise ValueError(f"grow={self.grow} is less than 1, and would shrink the radius")

    def factor(self, ratio: float) -> float:
        """Of the radius. A ratio that is no number shrinks it."""
        if not ratio >= self.accept:
            return self.shrink
        return self.grow if ratio > self.expand else 1.0


class Visit:
    """One stay on a level: the point reached, the objective there, and the trust region.

    room: how far the point may get from where the visit began, the radius of the finer level.
    """

    def __init__(
        self,
        level: Level,
        closure: Closure,
        terms: Terms,
        rule: Rule,
        *,
        value: Value,
        radius: float,
        room: float = inf,
    ) -> None:
        self.level, self.closure, self.terms, self.value = level, closure, terms, value
        self._rule, self._room = rule, room * (1 - ROUNDING)
        self.radius, self.decrease = min(radius, self._room), 0.0
        self.point = self._start = level.weights
        self._distance = 0.0  # of the point from the start
        self._least = SPENT * self._room if isfinite(room) else 0.0
        self.cost = level.cost  # of all gradients here and below

    @property
    def spent(self) -> bool:
        """Whether the room is used up, or as good as: what is left is not worth a gradient."""
        return self.radius <= self._least

    @property
    def step(self) -> Tensor:
        """From where the visit began to the point (P,)."""
        return self.point - self._start

    def smooth(self, steps: int) -> None:
        """So many trust-region steps with SR1, fewer where there is nothing to gain or no room."""
        for _ in range(steps):
            if self.spent:
                return
            step, predicted = self.level.pairs.propose(self.value.gradient, self.radius)
            if not predicted > 0:
                return
            self.attempt(step, predicted)

    def attempt(self, step: Tensor, predicted: float) -> None:
        """Try a step, take it or not, and learn from it either way."""
        point = self.point + step
        self.level.write_(point)
        value = self.level.value(self.closure, self.terms)
        self.cost += self.level.cost
        gained = decrease(self.value, value) + self.terms.decrease(self.point, step)
        away = torch.linalg.vector_norm(point - self._start)
        actual, distance = read(torch.stack([gained, away.to(gained)]))
        if isfinite(actual):
            self.level.pairs.add(step, value.gradient - self.value.gradient)
        ratio = actual / predicted
        if ratio > self._rule.accept:
            self.point, self.value, self._distance = point, value, distance
            self.decrease += actual
        else:
            self.level.write_(self.point)
        self.radius = min(self.radius * self._rule.factor(ratio), self._room - self._distance)
