"""20 steps of one configuration through the real closure, loop and bookkeeping."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import torch
from first_stage import CONFIGS, FirstStage, composed, first_stage
from omegaconf import OmegaConf

from basin.experiment import build
from basin.experiment.follow import Unheard
from basin.training.bookkeeping import Bookkeeping
from basin.training.loop import fit
from basin.training.meter import Intervals
from goldens.platform import Platform, this_platform

STEPS = 20
GROUPS = ("augment", "averaging", "objective", "optimizer", "schedule")
BASE = {
    "model": "wrn_16_1",
    "dataset": "digits",
    "augment": "none",
    "dataset.limit_train": "36",
    "epochs": "4",
    "batch_size": "8",
    "precision": "fp64",
    "device": "cpu",
}
"""What every trajectory is of, where its option says nothing else; each YAML's own lr."""


@dataclass(frozen=True)
class Trajectory:
    """What is recorded; a JSON file holds floats with all their digits."""

    overrides: list[str]
    losses: list[float]  # of each step, at the weights before its update
    norms: dict[str, float]  # of parameters and buffers of each solution at the end
    platform: Platform


class Finished(Exception):
    """The last step is done."""


def options(shorter: dict[str, list[str]]) -> dict[str, list[str]]:
    """The overrides of each trajectory by its name; `shorter` adds to those of some."""
    chosen = [(group, path.stem) for group in GROUPS for path in _leaves(group)]
    chosen += [("model", option) for option in smallest_models()]
    result = {}
    for group, option in chosen:
        own = dict(text.split("=", 1) for text in shorter.get(f"{group}_{option}", []))
        fields = {**BASE, group: option, **own}
        result[f"{group}_{option}"] = [f"{key}={value}" for key, value in fields.items()]
    return result


def smallest_models() -> list[str]:
    """The option with the fewest parameters of each model class; among equal ones the first."""
    smallest: dict[str, tuple[float, str]] = {}
    for path in _leaves("model"):
        settings: Any = OmegaConf.to_container(composed([], f"model/{path.stem}"), resolve=True)
        family = settings["model"]["_target_"]
        with torch.device("meta"):
            network = build.model(settings, num_classes=10, in_channels=3)
        size = sum(p.numel() for p in network.parameters())
        if size < smallest.get(family, (inf, ""))[0]:
            smallest[family] = (size, path.stem)
    return sorted(option for _, option in smallest.values())


def trajectory(overrides: list[str]) -> Trajectory:
    """Train on one thread, and look at the loss of every step.

    Weights are drawn in float64 too: float32's normal numbers differ by 1e-7 between the vector
    units of CPUs, which 20 steps can make a different trajectory of.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    try:
        stage = first_stage(overrides)
        return Trajectory(overrides, losses_of(stage), _norms(stage), this_platform())
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)


def losses_of(stage: FirstStage) -> list[float]:
    """Of the first STEPS steps."""
    parts = stage.parts
    losses: list[float] = []

    def look() -> bool:  # asked before every step
        if parts.state.counters.step:
            losses.append(parts.closure.losses.mean().item())
        if len(losses) == STEPS:
            raise Finished
        return False

    around = Bookkeeping(
        parts,
        stage.evaluator,
        intervals=Intervals(evaluate=inf, checkpoint=inf),
        output=Unheard(),
        interrupted=look,
        header=lambda epoch: {},
    )
    try:
        fit(parts.state, parts.closure, around)
    except Finished:
        return losses
    raise AssertionError(f"the run ended after {len(losses)} of {STEPS} steps")


def _norms(stage: FirstStage) -> dict[str, float]:
    state, batches = stage.parts.state, stage.parts.closure.input.batches
    norms = {}
    for name, module in stage.evaluator.solutions(state, batches):
        values = [value.detach().double().flatten() for value in module.state_dict().values()]
        norms[name] = torch.linalg.vector_norm(torch.cat(values)).item()
    return norms


def _leaves(group: str) -> list[Path]:
    return sorted((CONFIGS / group).glob("*.yaml"))
