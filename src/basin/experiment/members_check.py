"""What cannot be trained as one of several members, refused before any of a sweep starts."""

from __future__ import annotations

import torch
from torch import nn

from basin.core.gates import Gate
from basin.core.protocols import Optimizer
from basin.core.sampled import Sampled
from basin.experiment import build
from basin.experiment.check import Plan
from basin.experiment.members import most
from basin.experiment.members_probe import Probe
from basin.experiment.point import Point
from basin.experiment.settings import Settings
from basin.training.stacked import Stacked

POOL = "python train.py -m ... hydra/launcher=local"


def refuse_members(settings: Settings) -> None:
    """Raise ValueError where a process that trains one run at a time is asked for several."""
    if most(settings) > 1:
        raise ValueError(
            f"runtime.members={most(settings)} is for the points of a sweep in a pool of this"
            f" machine: {POOL}; leave it out here (a run that was a member is continued without)"
        )


def check_members(point: Point, plan: Plan) -> None:
    """Raise ValueError, with the field, where a point's passes cannot be those of several runs."""
    settings = point.settings
    asked = f"runtime.members={most(settings)}"
    for field, value, wanted in _plain(settings):
        if value != wanted:
            raise ValueError(f"{asked} needs {field}={_word(wanted)}, not {_word(value)}")
    if len(point.stages) > 1:
        names = ", ".join(point.stages)
        raise ValueError(f"{asked} is for runs of one stage, and this has {names}")
    if "wandb" in settings["logger"]:
        raise ValueError(f"{asked}: wandb has one run a process; leave logger=wandb out")
    facts = plan.dataset.facts
    with torch.device("meta"):
        first, second = (
            build.model(settings, num_classes=facts.num_classes, in_channels=facts.shape[0])
            for _ in range(2)
        )
    try:
        _together(first, second, facts.shape)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{asked}: model cannot be computed for several runs: {reason}") from None
    (stage,) = point.stages.values()
    with torch.device("meta"):
        optimizer, _, _ = build.method(stage, first, plan.clock)
    try:
        _one_update(optimizer, first)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{asked}: optimizer cannot be a member's: {reason}") from None


def _plain(settings: Settings) -> list[tuple[str, object, object]]:
    """Fields that have to be as they are by default: name, value, what it must be."""
    runtime = settings["runtime"]
    switches = ("compile", "autotune", "profile", "recompute")
    fields = [(f"runtime.{key}", runtime[key], False) for key in switches]
    device = settings["device"]
    return [
        *fields,
        ("micro_batch", settings["micro_batch"], None),
        ("device", device, "cpu" if device == "mps" else device),
    ]


def _together(first: nn.Module, second: nn.Module, shape: tuple[int, int, int]) -> None:
    """A pass of two members over two images each, without numbers."""
    for module in first.modules():
        if isinstance(module, (Gate, Sampled)):
            raise ValueError(f"{type(module).__name__} draws numbers of its own in every pass")
    stacked = Stacked([first.train(), second.train()])
    images = [torch.empty(2, *shape, device="meta") for _ in range(2)]
    stacked.noise.seed([0, 1], torch.device("cpu"))
    stacked(images, track_stats=True).sum().backward()


def _one_update(optimizer: Optimizer, network: nn.Module) -> None:
    """Without numbers: whoever reads one on the host, or asks for another pass, is refused."""
    optimizer.step(Probe(network))


def _word(value: object) -> str:
    return "null" if value is None else str(value).lower()
