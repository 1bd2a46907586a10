"""Run-level fields, their types, and which of them are no part of an experiment."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from basin.experiment.resolvers import register_resolvers

RENAMED: dict[str, str] = {}
"""Keys of earlier versions and what they are called now, for the error that they get."""
MACHINE_ONLY = (
    "device",
    "logger",
    "results",
    "rerun",
    "rerun_from",
    "name",
    "runtime.compile",
    "runtime.autotune",
    "runtime.threads",
    "runtime.evaluation_batch",
    "runtime.checkpoint_every",
    "runtime.keep_end",
    "runtime.snapshot",
    "runtime.profile",
    "runtime.members",
    "runtime.recompute",
    "metrics",
    "model.runs",
    "dataset.root",
    "dataset.mirror",
    "dataset.workers",
    "dataset.base.root",
    "dataset.base.mirror",
)
"""Not part of a run's identity: the same run may be continued with other values."""


@dataclass
class Runtime:
    """How a machine runs an experiment."""

    compile: Any = MISSING
    autotune: bool = MISSING
    deterministic: bool = MISSING
    threads: int | None = MISSING
    evaluation_batch: int = MISSING
    checkpoint_every: Any = MISSING
    keep_end: bool = MISSING
    snapshot: bool = MISSING
    profile: bool = MISSING
    members: int | None = MISSING
    recompute: bool = MISSING


@dataclass
class Metrics:
    """What is measured besides errors."""

    per_tensor: bool = MISSING


STAGE: dict[str, Any] = {
    "transfer": None,
    "until": None,
    "optimizer_state": "fresh",
    "averaging_state": None,
    "clock": "stage",
    "horizon": None,
    "epochs": None,
    "batch_size": None,
    "lr": None,
    "weight_decay": None,
    "optimizer": None,
    "schedule": None,
    "averaging": None,
}
"""Fields of one stage; from `epochs` on, null takes the run's value (docs/stages.md)."""


@dataclass
class Config:
    """One run. Values live in configs/; here are the types."""

    name: str | None = MISSING
    epochs: Any = MISSING
    batch_size: int = MISSING
    micro_batch: int | None = MISSING
    bn_update: str = MISSING
    bn_ranks: str | None = MISSING
    drop_last: bool = MISSING
    lr: float | None = MISSING
    weight_decay: float | None = MISSING
    decay: str = MISSING
    precision: str = MISSING
    device: str = MISSING
    evaluate_every: Any = MISSING
    seed: int = MISSING
    seed_init: int | None = MISSING
    seed_order: int | None = MISSING
    seed_augment: int | None = MISSING
    seed_noise: int | None = MISSING
    seed_subset: int | None = MISSING
    results: str = MISSING
    rerun: bool = MISSING
    rerun_from: str | None = MISSING
    metrics: Metrics = field(default_factory=Metrics)
    model: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    augment: dict[str, Any] = field(default_factory=dict)
    objective: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    averaging: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    runtime: Runtime = field(default_factory=Runtime)


def check_fields(cfg: DictConfig) -> None:
    """Refuse fields that `+field=value` added: Hydra lets any key in that way."""
    for path, kind in (("", Config), ("runtime", Runtime), ("metrics", Metrics)):
        known = [field.name for field in fields(kind)]
        for key in OmegaConf.select(cfg, path) if path else cfg:
            if key not in known:
                raise UnknownField(f"{path}.{key!s}" if path else str(key))


class UnknownField(ValueError):
    """A run-level field that is not in the schema."""


def register() -> None:
    """Make the schema and the resolvers known to Hydra. Safe to call again."""
    ConfigStore.instance().store(name="schema", node=Config)
    register_resolvers()
