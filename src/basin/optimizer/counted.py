"""Parameters by how many updates each has had: one without gradient in some steps lags behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from basin.core.parameters import gradients

Lists = list[Tensor]


def by_updates(
    optimizer: Any, group: dict[str, Any], *names: str
) -> Iterator[tuple[int, Lists, Lists, tuple[Lists, ...]]]:
    """(t, weights, gradients, states by name) of the parameters whose t-th update this is.

    Advances the state `step` of each parameter that has a gradient. Mostly there is one t.
    """
    alike: dict[int, Lists] = {}
    for p in group["params"]:
        if p.grad is not None:
            state = optimizer.state[p]
            state["step"] += 1
            alike.setdefault(state["step"], []).append(p)
    for t, weights in alike.items():
        states = tuple([optimizer.state[p][name] for p in weights] for name in names)
        yield t, weights, gradients(weights), states
