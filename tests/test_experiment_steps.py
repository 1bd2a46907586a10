"""Every experiment is built on the meta device, and each kind of them takes a step at batch 2.

A kind: family of models, optimizer, objective and what a stage begins with.
"""

from dataclasses import replace
from math import isfinite

import pytest
import torch
from first_stage import FirstStage
from goldens import trajectory
from test_configs import settings_of
from test_experiments import EXPERIMENTS, at_batch_2, on_a_small_folder, without_weights

from basin.core.protocols import Stage
from basin.dataset.fake import Fake
from basin.experiment.assembly import Assembly
from basin.experiment.check import check
from basin.training.precision import Precision


def words_of(name, settings, stages):
    """Batch 2, and no file of ImageNet, of weights or of the ends of a curve."""
    words = [f"experiment={name}", *(on_a_small_folder(settings) or at_batch_2(settings))]
    return words + without_weights(settings, stages)


def kinds(settings, stages):
    """What is tried once, for each stage."""
    for index, stage in enumerate(stages.values()):
        nodes = [stage["optimizer"]]
        while isinstance(nodes[-1].get("base"), dict):
            nodes.append(nodes[-1]["base"])
        optimizer = tuple(node["_target_"] for node in nodes)
        transfer = (stage["stage"]["transfer"] or {}).get("_target_")
        kept = tuple(stage["stage"][f"{kind}_state"] for kind in ("optimizer", "averaging"))
        objective = stage["objective"]["_target_"]
        yield index, (settings["model"]["_target_"], optimizer, objective, transfer, kept)


def like(dataset):
    """Random examples of its shape; its own where those are drawn, or are no images."""
    facts = dataset.facts
    if facts.targets.is_floating_point:
        return dataset
    channels, num = facts.shape[0], facts.num_classes
    return Fake(
        **{"train": max(100, 2 * num), "test": 2, "num_classes": num, "shape": facts.shape},
        **{"image_seed": 0, "seed": 0, "validation": 0, "limit_train": None},
        **{"mean": [0.5] * channels, "std": [0.25] * channels},
    )


def loss_of(words, index):
    """Training loss of one step in the stage of this number, from new weights."""
    settings, stages = settings_of(*words)
    plan = check(settings, stages)
    plan = replace(plan, dataset=like(plan.dataset))
    precision = Precision("fp32", torch.device("cpu"))
    assembly = Assembly(settings, plan, device=torch.device("cpu"), precision=precision)
    model, evaluator = assembly.model(), assembly.evaluator()
    assembly.seed(index)
    name, own = list(stages.items())[index]
    model = assembly.transferred(own, model, lambda name: model.state_dict())
    parts = assembly.parts(own, index, Stage(plan.epochs[name], 0.0, False), model)
    stage = FirstStage(parts, evaluator, settings, plan, assembly.dataset)
    trajectory.losses_of(stage)
    return parts.closure.tally.read()["loss"]


TRIED = set()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_is_built_and_its_kind_takes_a_step(name, monkeypatch):
    monkeypatch.setattr(trajectory, "STEPS", 1)
    settings, stages = settings_of(f"experiment={name}")
    if settings["dataset"].get("folder") != "imagenet":
        words = [f"experiment={name}", *without_weights(settings, stages)]
        assert check(*settings_of(*words)).parameters > 0
    else:
        words = on_a_small_folder(settings)
        assert check(*settings_of(f"experiment={name}", *words)).parameters > 0
    for index, kind in kinds(settings, stages):
        if kind not in TRIED:
            TRIED.add(kind)
            loss = loss_of(words_of(name, settings, stages), index)
            assert isfinite(loss) and loss > 0, index
