"""The first stage of a configuration, built as a run builds it, for scripts that step by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from basin.core.protocols import Dataset, Stage
from basin.experiment import devices
from basin.experiment.assembly import Assembly
from basin.experiment.check import Plan, check
from basin.experiment.schema import register
from basin.experiment.settings import Settings, run_settings
from basin.experiment.staging import stage_settings
from basin.launch.place import place
from basin.training.passes import Compute
from basin.training.precision import Precision, resolve
from basin.training.reporting import Evaluator
from basin.training.snapshot import Parts

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


@dataclass(frozen=True)
class FirstStage:
    """Objects of the first stage, and what they were built from."""

    parts: Parts
    evaluator: Evaluator
    settings: Settings
    plan: Plan
    dataset: Dataset  # read, on the run's device


def composed(overrides: Sequence[str], config: str = "config") -> DictConfig:
    """What Hydra makes of a command line."""
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose(config, list(overrides))


def first_stage(
    overrides: Sequence[str], dataset: Any = None, compute: Compute | None = None
) -> FirstStage:
    """Build it; `dataset`, an object with `load()`, replaces the configured one and its files.

    compute: of the closure's passes, where it is not the configured one.
    """
    cfg = composed(overrides)
    settings, stages = run_settings(cfg), stage_settings(cfg)
    plan = check(settings, stages)
    if dataset is not None:
        plan = replace(plan, dataset=dataset)
    device = devices.pick(settings["device"], place())
    precision = Precision(resolve(settings["precision"], device), device)
    assembly = Assembly(settings, plan, device=device, precision=precision, compute=compute)
    model, evaluator = assembly.model(), assembly.evaluator()
    assembly.seed(0)
    name, own = next(iter(stages.items()))
    stage = Stage(plan.epochs[name], 0.0, own["stage"]["clock"] == "run")
    parts = assembly.parts(own, 0, stage, model)
    return FirstStage(parts, evaluator, settings, plan, assembly.dataset)
