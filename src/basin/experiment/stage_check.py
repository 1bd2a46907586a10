"""What can be wrong with a stage, or between two: found on the meta device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.clock import Clock
from basin.core.ensemble import Several
from basin.core.parameters import Predicting, levels
from basin.core.protocols import Averager, Optimizer, Solutions, Transfer, Weighted
from basin.experiment import build
from basin.experiment.agreement import check_precision
from basin.experiment.batch_sizes import check_batch_sizes
from basin.experiment.schedule_check import Time, check_schedules, check_until, times_of
from basin.experiment.settings import Settings
from basin.training.scheduling import Scheduling

SWITCHES = {
    "optimizer_state": ("fresh", "keep"),
    "averaging_state": (None, "fresh", "keep"),
    "clock": ("stage", "run"),
}


@dataclass(frozen=True)
class Built:
    """A stage on the meta device."""

    settings: Settings
    network: nn.Module
    optimizer: Optimizer
    averagers: Mapping[str, Averager]

    def solutions(self) -> Solutions:
        """Those with weights of their own that there will be at its end; they are not known."""
        names = ["last", *(n for n, one in self.averagers.items() if isinstance(one, Weighted))]
        for level in levels(self.optimizer):
            if isinstance(level, Predicting):
                found = level.predictors(lambda augmented, limit: iter(()))
                names += [name for name, network in found if not isinstance(network, Several)]

        def solution(name: str) -> Mapping[str, Tensor] | None:
            if name not in names:
                raise ValueError(
                    f"solution={name!r} is not one network of the stage before, which has"
                    f" {', '.join(names)}"
                )
            return None

        return solution


def check_stage(
    settings: Settings, network: nn.Module, before: Built | None, *, time: Time, **available: Any
) -> Built:
    """Build a stage. Raises ValueError naming the first bad argument.

    available: results, num_classes and in_channels of build.transfer, and clock.
    """
    own, clock = settings["stage"], available["clock"]
    name = own["name"]
    for field, allowed in SWITCHES.items():
        if own[field] not in allowed:
            choice = ", ".join(str(a) for a in allowed if a is not None)
            raise ValueError(f"stages.{name}.{field}={own[field]!r} is not one of {choice}")
    shapes = [p.shape for p in network.parameters()]
    solutions = nothing_before if before is None else before.solutions()
    transfer = build.transfer(settings, model=network, solutions=solutions, **available)
    if transfer is not None:
        network = _transferred(name, transfer, network)
    optimizer, averagers, schedules = build.method(settings, network, clock)
    check_precision(settings, optimizer)
    Scheduling(schedules, optimizer)
    check_until(settings, schedules)
    check_schedules(settings, schedules, averagers, time)
    built = Built(settings, network, optimizer, averagers)
    _check_carried(name, built, before, [p.shape for p in network.parameters()] == shapes)
    return built


def _transferred(name: str, transfer: Transfer, network: nn.Module) -> nn.Module:
    try:
        return transfer(network)
    except ValueError as error:
        raise ValueError(f"stages.{name}.transfer: {error}") from None


def nothing_before(name: str) -> None:
    """The solutions before a run's first stage."""
    raise ValueError(f"solution={name!r}: there is no stage before the first")


def _check_carried(name: str, built: Built, before: Built | None, same_shapes: bool) -> None:
    """Whether what is kept of the stage before fits this one."""
    own = built.settings["stage"]
    for field, group in (("optimizer_state", "optimizer"), ("averaging_state", "averaging")):
        if own[field] != "keep":
            continue
        if before is None:
            raise ValueError(f"stages.{name}.{field}=keep: there is no stage before the first")
        if not same_shapes:
            raise ValueError(
                f"stages.{name}.{field}=keep: its transfer changes the shapes of the parameters;"
                " take fresh"
            )
        ours, theirs = (kinds(b.settings[group]) for b in (built, before))
        fits = ours == theirs if group == "optimizer" else ours.items() <= theirs.items()
        if not fits:
            raise ValueError(
                f"stages.{name}.{field}=keep: {group} is {ours}, and was {theirs} in the stage"
                " before; take fresh"
            )
        nodes = built.settings["averaging"].values() if group == "averaging" else ()
        if any(node.get("keep") == "disk" for node in nodes):
            raise ValueError(
                f"stages.{name}.averaging_state=keep: members on disk belong to their stage; take"
                " keep=cpu in both"
            )


def kinds(node: Settings, path: str = "") -> dict[str, str]:
    """The `_target_` of every node in a nest, by its path."""
    found = {path: str(node["_target_"])} if "_target_" in node else {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= kinds(value, f"{path}.{key}" if path else str(key))
    return found


def check_stages(
    stages: dict[str, Settings], network: nn.Module, clocks: Mapping[str, Clock], **available: Any
) -> nn.Module:
    """Build every stage; returns the network of the last one."""
    before: Built | None = None
    check_batch_sizes(stages)
    times = times_of(stages, clocks)
    with torch.device("meta"):
        for (name, settings), time in zip(stages.items(), times, strict=True):
            clock = clocks[name]
            before = check_stage(settings, network, before, time=time, clock=clock, **available)
            network = before.network
    return network
