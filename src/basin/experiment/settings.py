"""From Hydra's configuration to plain dictionaries."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from basin.core.clock import DURATION, Clock

Settings = dict[str, Any]
LATER = {"members": None, "recompute": False}
"""Fields of `runtime` that a frozen run of before does not have, and what it was run with."""
SEEDS = ("seed_init", "seed_order", "seed_augment", "seed_noise", "seed_subset")


def run_settings(cfg: DictConfig) -> Settings:
    """The resolved configuration as plain values."""
    return plain(with_overrides(cfg))


def check_words(words: list[str]) -> None:
    """Refuse a command line that gives `lr` twice, at the run and at the optimizer."""
    keys = [word.split("=", 1)[0].lstrip("+") for word in words]
    for field in ("lr", "weight_decay"):
        inner = [k for k in keys if k.startswith("optimizer.") and k.rsplit(".", 1)[-1] == field]
        if field in keys and inner:
            raise ValueError(f"{field} and {inner[0]} are both given, and are the same: leave one")


def in_epochs(settings: Any, clock: Clock) -> Any:
    """A copy in which every string such as `500 steps` is a number of epochs."""
    if isinstance(settings, dict):
        return {key: in_epochs(value, clock) for key, value in settings.items()}
    if isinstance(settings, list):
        return [in_epochs(value, clock) for value in settings]
    if isinstance(settings, str) and DURATION.fullmatch(settings):
        return clock.epochs(settings)
    return settings


def path_of(settings: Settings, group: str) -> str:
    """Where the command line finds a group or field of a stage: in the stage, or in the run."""
    name = settings["stage"]["name"]
    own = settings["stages"][name].get(group) is not None
    return f"stages.{name}.{group}" if own else group


def seeds(settings: Settings) -> dict[str, int]:
    """Every seed of a run; those not given are `seed`."""
    return {
        name: settings[name] if settings[name] is not None else settings["seed"] for name in SEEDS
    }


def plain(cfg: DictConfig) -> Settings:
    """A configuration with every interpolation resolved."""
    values: Settings = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    if "runtime" in values:
        values["runtime"] = {**LATER, **values["runtime"]}
    return values


def with_overrides(cfg: DictConfig) -> DictConfig:
    """`lr` and `weight_decay` of the run written into the innermost optimizer."""
    copy = cfg.copy()
    node, path = copy.optimizer, "optimizer"
    while isinstance(node.get("base"), DictConfig):
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
