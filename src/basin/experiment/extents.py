"""How much a composed run is, before it is built: training images, and FLOPs of its network."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache

import torch

from basin.dataset.facts import Facts, check_sizes, num_train
from basin.experiment import build
from basin.experiment.check import flops_of
from basin.experiment.settings import Settings


def extent(settings: Settings) -> tuple[Facts, int] | None:
    """Facts of the data set and images of the training part; None where files are needed.

    A folder that is not here but must hold `images` is ImageNet's, with so many.
    """
    with suppress(ValueError):
        dataset = build.dataset(settings, 0)
        return dataset.facts, dataset.num_train
    node = settings["dataset"]
    if node.get("images") is None:
        return None
    train, test = node["images"]
    facts = Facts(train, test, num_classes=1000, shape=(3, node["size"], node["size"]))
    parts = {"validation": node["validation"], "limit_train": node["limit_train"]}
    check_sizes(facts, **parts)
    return facts, num_train(facts, **parts)


def forward_flops(settings: Settings, facts: Facts) -> int | None:
    """Of a forward pass of an image; None of a network that cannot be made for it here."""
    with suppress(ValueError, RuntimeError, AssertionError):
        return _counted(json.dumps(settings["model"]), facts.num_classes, *facts.shape)
    return None


@cache
def _counted(model: str, num_classes: int, channels: int, height: int, width: int) -> int:
    """Of a network's settings; many cells differ in other things."""
    settings = {"model": json.loads(model)}
    with torch.device("meta"):
        network = build.model(settings, num_classes=num_classes, in_channels=channels)
    return flops_of(network, (channels, height, width))
