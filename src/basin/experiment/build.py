"""From settings to objects. The only place that instantiates."""

from __future__ import annotations

import inspect
import re
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import InstantiationException
from torch import nn

from basin.core.clock import Clock
from basin.core.parameters import parameter_groups
from basin.core.protocols import Augmentation, Averager, Objective, Optimizer, Schedule, Transfer
from basin.experiment.settings import Settings, in_epochs, path_of
from basin.logger.protocol import Logger

ARGUMENT = re.compile(r"\w+(?==|\.\w+=)")
"""A message that begins with an argument, `epochs=...` or `bn.examples=...`."""


def dataset(settings: Settings, seed: int) -> Any:
    """The data set's description; its `load()` reads the files."""
    return _nested("dataset", settings["dataset"], seed=seed)


def model(settings: Settings, *, num_classes: int, in_channels: int) -> nn.Module:
    """The network on the current default device."""
    node = _without_layout(settings["model"])
    network: nn.Module = _make(
        "model",
        node,
        num_classes=num_classes,
        in_channels=in_channels,
        results=settings.get("results"),  # of a model alone there is none
    )
    return network


def augmentations(settings: Settings, *, num_classes: int, clock: Clock) -> dict[str, Augmentation]:
    """Augmentations by name, in the order of the configuration: those of pixels come first."""
    made: dict[str, Augmentation] = {}
    after = ""
    for name, node in settings["augment"].items():
        made[name] = _make(f"augment.{name}", node, num_classes=num_classes, clock=clock)
        if made[name].after_normalisation:
            after = name
        elif after:
            raise ValueError(
                f"augment.{name} works on pixels and comes after augment.{after}, which works on"
                f" normalised images; put it first: augment=[{name},{after}]"
            )
    return made


def objective(settings: Settings) -> Objective:
    """(logits, targets) -> losses."""
    function: Objective = _make("objective", settings["objective"])
    return function


def transfer(settings: Settings, **available: Any) -> Transfer | None:
    """What a stage does to the model before it; None leaves it.

    available: what its factory may name: `model` (the network before it), num_classes, in_channels,
    clock, results (the folder of run folders), solutions (core.protocols.Solutions).
    """
    node = settings["stage"]["transfer"]
    if node is None:
        return None
    path = f"stages.{settings['stage']['name']}.transfer"
    made: Transfer = _make(path, in_epochs(node, available["clock"]), **available)
    return made


def method(
    settings: Settings, network: nn.Module, clock: Clock, folder: Path | None = None
) -> tuple[Optimizer, dict[str, Averager], dict[str, Schedule]]:
    """Optimizer, averagers by name and schedules by field of one stage.

    folder: where averagers may keep files; None where there is no run folder.
    """
    plain = in_epochs({k: settings[k] for k in ("averaging", "schedule", "optimizer")}, clock)
    path = {group: path_of(settings, group) for group in plain}
    shared: dict[str, Any] = {"model": network, "clock": clock}
    averagers = {
        name: _make(f"{path['averaging']}.{name}", node, name=name, folder=folder, **shared)
        for name, node in plain["averaging"].items()
    }
    groups = parameter_groups(network, settings["decay"])
    optimizer = _nested(path["optimizer"], plain["optimizer"], params=groups, **shared)
    schedules = {}
    for field, node in plain["schedule"].items():
        known = {**shared, "averagers": averagers, "base_value": _base_value(optimizer, field)}
        schedules[field] = _schedule(f"{path['schedule']}.{field}", node, **known)
    return optimizer, averagers, schedules


def _base_value(optimizer: Optimizer, field: str) -> float:
    """The value of a field of the first group; nan where it is none that can be scheduled."""
    try:
        return float(optimizer.param_groups[0][field])
    except (KeyError, TypeError, ValueError):
        return nan


def loggers(settings: Settings, **available: Any) -> list[Logger]:
    """The loggers that the configuration names."""
    return [_make(f"logger.{k}", node, **available) for k, node in settings["logger"].items()]


def channels_last(settings: Settings) -> bool:
    """Whether a model's YAML asks for that memory format."""
    return bool(settings["model"].get("channels_last", False))


def _without_layout(node: Settings) -> Settings:
    """A model's node, and those of networks in it, less the memory format."""
    return {
        key: _without_layout(value) if isinstance(value, dict) else value
        for key, value in node.items()
        if key != "channels_last"
    }


def _nested(path: str, node: Settings, **available: Any) -> Any:
    """An optimizer or a data set around its base, to any depth."""
    own = {key: value for key, value in node.items() if key != "base"}
    if "base" in node:
        if not isinstance(node["base"], dict):
            group = next(word for word in path.split(".") if word in ("dataset", "optimizer"))
            raise ValueError(
                f"{path}.base={node['base']} is not an option of {group}; choose one by"
                f" {group}@{path}.base={node['base']}"
            )
        available = {**available, "base": _nested(f"{path}.base", node["base"], **available)}
    return _make(path, own, **available)


def _schedule(path: str, node: Any, **available: Any) -> Any:
    """A schedule and those inside it, alone or by name, to any depth."""
    if "_target_" not in node:
        return {k: _schedule(f"{path}.{k}", own, **available) for k, own in node.items()}
    inside = {key: value for key, value in node.items() if isinstance(value, dict)}
    made = {k: _schedule(f"{path}.{k}", own, **available) for k, own in inside.items()}
    own = {key: value for key, value in node.items() if key not in inside}
    return _make(path, {**own, "_partial_": True}, **available, **made)


def _make(path: str, node: Settings, **available: Any) -> Any:
    """Instantiate a node; a `_partial_` one is called with those of `available` that it names.

    What a constructor refuses is a ValueError that names the node.
    """
    try:
        made = hydra.utils.instantiate(node, _convert_="all")
        if not isinstance(made, partial):
            return made
        named = set(inspect.signature(made.func).parameters)
        return made(**{key: value for key, value in available.items() if key in named})
    except (InstantiationException, ValueError, TypeError) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if not isinstance(cause, (ValueError, TypeError, ImportError)):
            raise
        text = str(cause)
        argument = ARGUMENT.match(text)
        own = argument is not None and argument[0] in node
        raise ValueError(f"{path}{'.' if own else ': '}{text}") from None
