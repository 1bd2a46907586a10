"""From Hydra's configuration to plain dictionaries: one of the run, one of each stage."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from basin.core.clock import DURATION, Clock, check_duration
from basin.experiment.schema import STAGE

Settings = dict[str, Any]
SEEDS = ("seed_init", "seed_order", "seed_augment", "seed_noise", "seed_subset")
STAGE_FIELDS = ("epochs", "lr", "weight_decay", "optimizer", "schedule", "averaging")
"""Fields in which a stage may differ from its run."""


def run_settings(cfg: DictConfig) -> Settings:
    """The resolved configuration as plain values."""
    return _plain(_with_overrides(cfg))


def stage_settings(cfg: DictConfig) -> dict[str, Settings]:
    """The resolved configuration of each stage, by name: the run's with the stage's own fields."""
    stages = {}
    for name, stage in cfg.stages.items():
        for key in stage:
            if key not in STAGE:
                raise ValueError(f"stages.{name}.{key}: a stage has {', '.join(STAGE)}")
        copy = cfg.copy()
        with open_dict(copy):
            for field in STAGE_FIELDS:
                if stage.get(field) is not None:
                    copy[field] = stage[field]
        check_duration("epochs", copy.epochs)
        settings = _plain(_with_overrides(copy))
        settings["stage"] = {**STAGE, **settings["stages"][name]}
        stages[str(name)] = settings
    if not stages:
        raise ValueError("stages is empty: a run has at least one, as stages=single gives")
    return stages


def in_epochs(settings: Any, clock: Clock) -> Any:
    """A copy in which every string such as `500 steps` is a number of epochs."""
    if isinstance(settings, dict):
        return {key: in_epochs(value, clock) for key, value in settings.items()}
    if isinstance(settings, list):
        return [in_epochs(value, clock) for value in settings]
    if isinstance(settings, str) and DURATION.fullmatch(settings):
        return clock.epochs(settings)
    return settings


def seeds(settings: Settings) -> dict[str, int]:
    """Every seed of a run; those not given are `seed`."""
    return {
        name: settings[name] if settings[name] is not None else settings["seed"] for name in SEEDS
    }


def _plain(cfg: DictConfig) -> Settings:
    values: Settings = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return values


def _with_overrides(cfg: DictConfig) -> DictConfig:
    """`lr` and `weight_decay` of the run written into the innermost optimizer."""
    copy = cfg.copy()
    node, path = copy.optimizer, "optimizer"
    while "base" in node:
        node, path = node.base, f"{path}.base"
    for field in ("lr", "weight_decay"):
        if copy[field] is not None:
            if field not in node:
                raise ValueError(
                    f"{field}={copy[field]}: {path} ({node._target_}) has no {field};"
                    f" it has {', '.join(k for k in node if not str(k).startswith('_'))}"
                )
            node[field] = copy[field]
    return copy
