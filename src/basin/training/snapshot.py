"""A run's state as one dictionary of tensors and plain values, and back."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from typing import Any

import torch

from basin.core.parameters import MEMORY, innermost
from basin.core.protocols import Counters, TrainState
from basin.training.closure import MinibatchClosure
from basin.training.dynamics import Dynamics
from basin.training.precision import Precision
from basin.training.scheduling import Scheduling

KERNELS = ("foreach", "fused", "capturable", "differentiable")
"""Fields of a param group that say how, not what: those of this machine stay."""


@dataclass
class Parts:
    """Everything that has a state, in one place."""

    state: TrainState
    closure: MinibatchClosure
    precision: Precision
    dynamics: Dynamics
    scheduling: Scheduling  # made before anything is restored: it keeps the values of YAML


def snapshot(parts: Parts) -> dict[str, Any]:
    """The state between two updates."""
    state, closure, scale = parts.state, parts.closure, parts.precision.scale
    return {
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "schedules": {name: s.state_dict() for name, s in state.schedules.items()},
        "averagers": {name: a.state_dict() for name, a in state.averagers.items()},
        "counters": asdict(state.counters),
        "t": state.t,
        "reported": state.reported,
        "cursors": dict(closure.input.order.cursors),
        "scale": scale.state_dict() if scale else None,
        "tally": closure.tally.state_dict(),
        "dynamics": parts.dynamics.state_dict(),
    }


def restore(parts: Parts, content: dict[str, Any]) -> None:
    """Continue from a snapshot; the objects are those of the same configuration, freshly built."""
    state, closure, scale = parts.state, parts.closure, parts.precision.scale
    state.model.load_state_dict(content["model"])
    load_optimizer(state.optimizer, content["optimizer"], fields=True)
    device = parts.precision.device
    for name, schedule in state.schedules.items():
        schedule.load_state_dict(_on(device, content["schedules"][name]))
    for name, averager in state.averagers.items():
        averager.load_state_dict(_on(device, content["averagers"][name]))
    for field in dataclasses.fields(Counters):
        setattr(state.counters, field.name, content["counters"][field.name])
    state.t, state.reported = content["t"], content["reported"]
    closure.input.order.cursors.clear()
    closure.input.order.cursors.update(content["cursors"])
    if scale is not None and content["scale"] is not None:
        scale.load_state_dict(content["scale"])
    closure.tally.load_state_dict(content["tally"])
    parts.dynamics.load_state_dict(content["dynamics"])


def _on(device: torch.device, value: Any) -> Any:
    """A nest of dictionaries and lists with its tensors on a device."""
    if isinstance(value, dict):
        return {key: _on(device, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_on(device, item) for item in value)
    return value.to(device) if isinstance(value, torch.Tensor) else value


def load_optimizer(
    optimizer: Any, content: dict[str, Any], *, fields: bool, cycles: bool = True
) -> None:
    """load_state_dict; without `fields` the groups keep their settings, and take the state only.

    cycles: those of a normalised weight decay go on; false begins the first anew, as a schedule
    by a stage's own clock does.
    """
    core = innermost(optimizer)
    taken = {"params", *MEMORY}
    ours = [
        {k: v for k, v in group.items() if k in KERNELS or not (fields or k in taken)}
        for group in core.param_groups
    ]
    optimizer.load_state_dict(content)
    for group, kept in zip(core.param_groups, ours, strict=True):
        group.update(kept)
        if not cycles and group.get("normalised_weight_decay"):
            group["step"] = 0
