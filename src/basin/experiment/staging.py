"""The settings of each stage: the run's, with the stage's own fields in their place."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, open_dict

from basin.core.clock import check_duration
from basin.experiment.schema import STAGE
from basin.experiment.settings import Settings, plain, with_overrides

FIELDS = ("epochs", "lr", "weight_decay", "optimizer", "schedule", "averaging")
"""Fields in which a stage may differ from its run."""


def stage_settings(cfg: DictConfig) -> dict[str, Settings]:
    """The resolved configuration of each stage, by name."""
    stages = {str(name): _stage(cfg, str(name), own) for name, own in cfg.stages.items()}
    if not stages:
        raise ValueError("stages is empty: a run has at least one, as stages=single gives")
    lengths = [settings["epochs"] for settings in stages.values()]
    for name, settings in stages.items():
        horizon = settings["stage"]["horizon"]
        if settings["stage"]["clock"] == "run":
            settings["schedule"] = _whole_run_schedules(cfg, name, lengths, horizon)
        elif horizon is not None:
            raise ValueError(f"stages.{name}.horizon={horizon} needs clock=run, whose epochs it is")
    return stages


def _stage(cfg: DictConfig, name: str, own: Any) -> Settings:
    if not isinstance(own, DictConfig):
        raise ValueError(f"stages.{name}={own} is not a stage: give {{epochs: ..., ...}}")
    for key in own:
        if key not in STAGE:
            raise ValueError(f"stages.{name}.{key!s}: a stage has {', '.join(STAGE)}")
    copy = cfg.copy()
    with open_dict(copy):
        if own.get("optimizer") is not None:  # its values are meant, not the run's
            copy.lr = copy.weight_decay = None
        for field in FIELDS:
            if own.get(field) is not None:
                copy[field] = own[field]
    check_duration("epochs", copy.epochs)
    settings = plain(with_overrides(copy))
    values = {**STAGE, **settings["stages"][name]}
    settings["stage"] = {key: value for key, value in values.items() if key not in FIELDS}
    return settings


def _whole_run_schedules(cfg: DictConfig, name: str, lengths: list[Any], horizon: Any) -> Settings:
    """Schedules of a stage with `clock: run`: to them `epochs` is the length of all stages.

    horizon: that length, where the run is the beginning of a longer one.
    """
    if horizon is None and any(isinstance(length, str) for length in lengths):
        raise ValueError(
            f"stages.{name}.clock=run adds up the epochs of all stages ({lengths});"
            " give each as a number of epochs"
        )
    copy = cfg.copy()
    with open_dict(copy):
        copy.epochs = sum(lengths) if horizon is None else horizon
        own = cfg.stages[name].get("schedule")
        copy.schedule = cfg.schedule if own is None else own
    schedules: Settings = plain(copy)["schedule"]
    return schedules
