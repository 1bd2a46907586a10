"""The settings of each stage: the run's, with the stage's own fields in their place."""

from __future__ import annotations

import re
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ValidationError, open_dict

from basin.core.clock import check_duration
from basin.experiment.schema import STAGE
from basin.experiment.settings import Settings, plain, with_overrides

FIELDS = ("epochs", "batch_size", "lr", "weight_decay", "optimizer", "schedule", "averaging")
"""Fields in which a stage may differ from its run."""


OPTIONS = {
    "optimizer": "+optimizer@{0}={1}",
    "schedule": "+schedule@{0}.lr={1}",
    "averaging": "+averaging@{0}.{1}={1}",
}
"""How the command line chooses an option of a group for a stage alone."""


def stage_settings(cfg: DictConfig) -> dict[str, Settings]:
    """The resolved configuration of each stage, by name."""
    cfg = _with_batch_sizes(cfg)
    stages = {str(name): _stage(cfg, str(name), own) for name, own in cfg.stages.items()}
    if not stages:
        raise ValueError("stages is empty: a run has at least one, as stages=single gives")
    lengths = [settings["epochs"] for settings in stages.values()]
    for name, settings in stages.items():
        own = settings["stage"]
        horizon = own["horizon"]
        if horizon is not None:
            check_duration(f"stages.{name}.horizon", horizon)
        elif own["clock"] == "run":
            horizon = _sum(name, lengths)
        if horizon is not None:
            settings["schedule"] = _schedules(cfg, name, horizon)
    return stages


def check_added_stages(words: list[str], names: list[str]) -> None:
    """Refuse `+stages={...}` that leaves stages which it does not name.

    words: the command line; names: of the stages that it makes.
    """
    for word in words:
        if not re.match(r"\+{0,2}stages=\{", word):
            continue
        given = OverridesParser.create().parse_override(word).value()
        left = [name for name in names if isinstance(given, dict) and name not in given]
        if left:
            raise ValueError(
                f"{word.partition('=')[0]}={{...}} adds to the stages that there are, and leaves"
                f" {', '.join(left)} before its own; take away what is not meant"
                f" ({' '.join(f'~stages.{name}' for name in left)}), or add stages one by one:"
                " '+stages.NAME={...}'"
            )


def _stage(cfg: DictConfig, name: str, own: Any) -> Settings:
    if not isinstance(own, DictConfig):
        raise ValueError(f"stages.{name}={own} is not a stage: give {{epochs: ..., ...}}")
    for key in own:
        if key not in STAGE:
            raise ValueError(f"stages.{name}.{key!s}: a stage has {', '.join(STAGE)}")
    if not isinstance(own.get("transfer"), DictConfig | None):
        raise ValueError(
            f"stages.{name}.transfer={own.transfer} is no transfer: give one of basin.stages as"
            " {_target_: ..., _partial_: true, ...}, as stages=dswa and stages=fine_tune do"
        )
    copy = cfg.copy()
    with open_dict(copy):
        if own.get("optimizer") is not None:  # its values are meant, not the run's
            copy.lr = copy.weight_decay = None
        own = _at_its_batch_size(copy, name, own)
        for field in FIELDS:
            if own.get(field) is not None:
                _set(copy, name, field, own[field])
    check_duration("epochs" if own.get("epochs") is None else f"stages.{name}.epochs", copy.epochs)
    settings = plain(with_overrides(copy))
    values = {**STAGE, **settings["stages"][name]}
    own_values = {key: value for key, value in values.items() if key not in FIELDS}
    settings["stage"] = {**own_values, "horizon": own.get("horizon"), "name": name}
    return settings


def _with_batch_sizes(cfg: DictConfig) -> DictConfig:
    """A copy in which those of stages are numbers: to each, `${batch_size}` is the run's."""
    copy = cfg.copy()
    with open_dict(copy):
        for name, own in cfg.stages.items():
            if isinstance(own, DictConfig) and own.get("batch_size") is not None:
                copy.stages[name].batch_size = own.batch_size
    return copy


def _at_its_batch_size(copy: DictConfig, name: str, own: DictConfig) -> DictConfig:
    """The stage's fields, of which its own rate follows its batch; the run's keeps to the run's."""
    if own.get("batch_size") is None:
        return own
    node = copy
    while isinstance(node, DictConfig):
        for field in ("lr", "weight_decay"):
            if field in node:
                node[field] = node[field]
        node = node.optimizer if node is copy else node.get("base")
    _set(copy, name, "batch_size", own.batch_size)
    stage: DictConfig = copy.stages[name]
    return stage


def _set(copy: DictConfig, name: str, field: str, value: Any) -> None:
    """A stage's own value in the place of the run's; ValueError where it is of another kind."""
    at = f"stages.{name}.{field}"
    if field in OPTIONS and not isinstance(value, DictConfig):
        raise ValueError(f"{at}={value}: choose an option by {OPTIONS[field].format(at, value)}")
    try:
        copy[field] = value
    except ValidationError as error:
        raise ValueError(f"{at}={value}: {str(error).splitlines()[0]}") from None


def _sum(name: str, lengths: list[Any]) -> float:
    """Epochs of all stages, which the schedules of a stage with `clock: run` count."""
    if any(isinstance(length, str) for length in lengths):
        raise ValueError(
            f"stages.{name}.clock=run adds up the epochs of all stages ({lengths});"
            " give each as a number of epochs"
        )
    total: float = sum(lengths)
    return total


def _schedules(cfg: DictConfig, name: str, epochs: Any) -> Settings:
    """Schedules of a stage to which `${epochs}` is another length than the stage's."""
    copy = cfg.copy()
    with open_dict(copy):
        copy.epochs = epochs
        own = cfg.stages[name].get("schedule")
        copy.schedule = cfg.schedule if own is None else own
    schedules: Settings = plain(copy)["schedule"]
    return schedules
