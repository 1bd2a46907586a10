"""From settings to objects. The only place that instantiates."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from math import isfinite
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import hydra
from hydra.errors import InstantiationException
from torch import nn

from basin.core.clock import DURATION, Clock
from basin.core.parameters import parameter_groups
from basin.core.protocols import Augmentation, Averager, Objective, Optimizer, Schedule
from basin.experiment.settings import Settings, in_epochs

RUNTIME = (
    *("averagers", "base", "clock", "config", "folder", "in_channels", "model", "name"),
    *("num_classes", "params", "run_id", "seed"),
)
"""What a factory may name among its arguments and gets from here, not from YAML."""
EXTRA = {"model": {"channels_last"}, "optimizer": {"base"}}
"""Keys of a group that the builder itself reads."""


def check_targets(settings: Settings) -> None:
    """Hold every `_target_` against its signature: ValueError for unknown and missing keys."""
    for path, node in _targets(settings, ""):
        try:
            target = hydra.utils.get_object(node["_target_"])
        except Exception as error:
            raise ValueError(f"{path}._target_={node['_target_']}: {error}") from None
        _check_types(path, node, target)
        parameters = inspect.signature(target).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            continue
        own = {key for key in node if not key.startswith("_")} - EXTRA.get(
            path.split(".")[0], set()
        )
        for key in sorted(own - set(parameters)):
            near = get_close_matches(key, parameters, 1)
            hint = f"; did you mean {path}.{near[0]}?" if near else ""
            raise ValueError(
                f"{path}.{key}: {node['_target_']} has no such key{hint}"
                f" (it has {', '.join(k for k in parameters if k not in RUNTIME)})"
            )
        needed = {
            k for k, p in parameters.items() if p.default is p.empty and p.kind is p.KEYWORD_ONLY
        }
        missing = sorted(needed - own - set(RUNTIME))
        if missing:
            raise ValueError(f"{path}: {node['_target_']} needs {', '.join(missing)}")


def _check_types(path: str, node: Settings, target: Any) -> None:
    """Hold numbers, switches and words against their annotations."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):  # annotations of another library that cannot be resolved
        return
    for key, value in node.items():
        if key in hints and not _fits(value, hints[key]):
            wanted = "finite float" if hints[key] is float else hints[key]
            wanted = getattr(wanted, "__name__", wanted)
            raise ValueError(f"{path}.{key}={value!r} is not of type {wanted}")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value is of a type; unknown types take anything."""
    if get_origin(hint) in (UnionType, Union):
        return any(_fits(value, one) for one in get_args(hint))
    if hint is float:
        numbers = isinstance(value, (int, float)) and not isinstance(value, bool)
        return (numbers and isfinite(value)) or bool(DURATION.fullmatch(str(value)))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, type(None)):
        return isinstance(value, hint)
    if get_origin(hint) in (tuple, list, Sequence):
        return isinstance(value, (list, tuple))
    return True


def dataset(settings: Settings, seed: int) -> Any:
    """The data set's description; its `load()` reads the files."""
    return _make("dataset", settings["dataset"], seed=seed)


def model(settings: Settings, *, num_classes: int, in_channels: int) -> nn.Module:
    """The network on the current default device."""
    plain = {key: value for key, value in settings["model"].items() if key != "channels_last"}
    network: nn.Module = _make("model", plain, num_classes=num_classes, in_channels=in_channels)
    return network


def augmentations(settings: Settings) -> dict[str, Augmentation]:
    """Augmentations by name, in the order of the configuration."""
    return {name: _make(f"augment.{name}", n) for name, n in settings["augment"].items()}


def objective(settings: Settings) -> Objective:
    """(logits, targets) -> losses."""
    function: Objective = _make("objective", settings["objective"])
    return function


def transfer(settings: Settings) -> Any:
    """What a stage does to the model before it; None leaves it."""
    node = settings["stage"]["transfer"]
    return None if node is None else _make("stages.transfer", node)


def method(
    settings: Settings, network: nn.Module, clock: Clock
) -> tuple[Optimizer, dict[str, Averager], dict[str, Schedule]]:
    """Optimizer, averagers by name and schedules by field of one stage."""
    plain = in_epochs({k: settings[k] for k in ("averaging", "schedule", "optimizer")}, clock)
    averagers = {
        name: _make(f"averaging.{name}", node, model=network, clock=clock)
        for name, node in plain["averaging"].items()
    }
    groups = parameter_groups(network, settings["decay"])
    optimizer = _optimizer(
        "optimizer", plain["optimizer"], params=groups, model=network, clock=clock
    )
    schedules = {
        field: _make(f"schedule.{field}", node, averagers=averagers, clock=clock)
        for field, node in plain["schedule"].items()
    }
    return optimizer, averagers, schedules


def loggers(settings: Settings, **available: Any) -> list[Any]:
    """The loggers that the configuration names."""
    return [_make(f"logger.{k}", node, **available) for k, node in settings["logger"].items()]


def channels_last(settings: Settings) -> bool:
    """Whether a model's YAML asks for that memory format."""
    return bool(settings["model"].get("channels_last", False))


def _optimizer(path: str, node: Settings, **available: Any) -> Optimizer:
    """An optimizer around its base, to any depth."""
    own = {key: value for key, value in node.items() if key != "base"}
    if "base" in node:
        if not isinstance(node["base"], dict):
            raise ValueError(
                f"{path}.base={node['base']} is not an optimizer; choose one by"
                f" optimizer@{path}.base={node['base']}"
            )
        available = {**available, "base": _optimizer(f"{path}.base", node["base"], **available)}
    optimizer: Optimizer = _make(path, own, **available)
    return optimizer


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
        if not isinstance(cause, (ValueError, TypeError)):
            raise
        text = str(cause)
        raise ValueError(text if text.startswith(f"{path}.") else f"{path}: {text}") from None


def _targets(node: Any, path: str) -> Iterator[tuple[str, Settings]]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from _targets(value, f"{path}.{key}" if path else key)
