"""The one writer of scheduled param-group fields."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from basin.core.parameters import MEMORY, Wrapping
from basin.core.protocols import Optimizer, Parameters, Schedule


class Scheduling:
    """Schedules by field, and the values that the fields had when the optimizer was built.

    A group that spares its parameters from decay keeps weight_decay 0 whatever the schedule.
    """

    def __init__(self, schedules: Mapping[str, Schedule], optimizer: Optimizer) -> None:
        self.schedules = schedules
        self._base = {field: _base(optimizer, field) for field in schedules}

    def apply(self, optimizer: Optimizer, t: float) -> None:
        """Write factor(t) times the base value into every group; `lr_factor` beside `lr`."""
        for field, schedule in self.schedules.items():
            factor = schedule(t)
            for group, base in zip(optimizer.param_groups, self._base[field], strict=True):
                if isinstance(group[field], torch.Tensor):
                    group[field].fill_(base * factor)  # captured in a graph: in place
                else:
                    group[field] = base * factor
                if field == "lr":
                    group["lr_factor"] = factor

    def fields(self, optimizer: Optimizer) -> dict[str, float]:
        """The present value of each scheduled field, of the first group."""
        return {field: float(optimizer.param_groups[0][field]) for field in self.schedules}


def _base(optimizer: Optimizer, field: str) -> list[float]:
    """The values of a field; ValueError where there is none, or it is 0 in every group."""
    groups = optimizer.param_groups
    known = ", ".join(sorted(key for key in groups[0] if _can_be_scheduled(groups, key)))
    if any(field not in group for group in groups):
        wrapped = isinstance(optimizer, Wrapping)
        raise ValueError(
            f"schedule.{field}: {type(optimizer).__name__}{' and its base' if wrapped else ''}"
            f" has no field {field!r}; what can be scheduled is {known}"
        )
    if not all(_is_number(group[field]) for group in groups):
        raise ValueError(
            f"schedule.{field}: {groups[0][field]!r} is not a number; what can be scheduled is"
            f" {known}"
        )
    values = [float(group[field]) for group in groups]
    if not any(values):
        raise ValueError(
            f"schedule.{field}: the optimizer's {field} is 0, and a factor of 0 stays 0;"
            f" give optimizer.{field} a value, or schedule one of {known}"
        )
    return values


def _can_be_scheduled(groups: Parameters, field: str) -> bool:
    """Whether every group has a number there, not all are 0, and it is no memory of a step."""
    values = [group.get(field) for group in groups]
    return all(map(_is_number, values)) and any(map(bool, values)) and field not in MEMORY


def _is_number(value: object) -> bool:
    """A switch is none, nor is a tensor of several."""
    if isinstance(value, torch.Tensor):
        return value.numel() == 1 and value.dtype != torch.bool
    return isinstance(value, (int, float)) and not isinstance(value, bool)
