"""The first experiment of each paper composes; the scaled-down ones take two steps."""

from math import isfinite
from pathlib import Path

import pytest
from goldens import trajectory
from test_configs import CONFIGS, settings_of

EXPERIMENTS = sorted(
    str(path.relative_to(CONFIGS / "experiment").with_suffix(""))
    for path in (CONFIGS / "experiment").rglob("*.yaml")
)
FIRST_OF_EACH_PAPER = sorted({Path(name).parent: name for name in reversed(EXPERIMENTS)}.values())
MINIS = [name for name in EXPERIMENTS if Path(name).name.startswith("mini")]
FOLDER = ("dataset.root=tests/dataset", "dataset.folder=folder", "dataset.images=[4,2]")
"""In place of ImageNet's files, which a build counts."""


def synthetic(settings):
    """Small images that are learnt easily, behind whatever is around an experiment's data set."""
    path, node, words = "dataset", settings["dataset"], ["device=cpu", "batch_size=16"]
    while isinstance(node.get("base"), dict):
        if "keep" in node:  # names of classes that the small images have not
            words.append(f"{path}.keep=[0,1]")
        path, node = f"{path}.base", node["base"]
    group = "dataset" if path == "dataset" else f"dataset@{path}"
    train = max(10_000, node.get("limit_train") or 0)
    return [f"{group}=fake", f"{path}.train={train}", f"{path}.test=100", *words]


def on_a_small_folder(settings):
    """What a run on ImageNet's files needs to be built on four images."""
    if settings["dataset"].get("folder") != "imagenet":
        return []
    words = [*FOLDER, *at_batch_2(settings)]
    if str(settings["schedule"]["lr"].get("epochs")).endswith(" steps"):
        words.append("schedule.lr.epochs='1 steps'")  # of a warm-up: it would outlast the few here
    return words


def at_batch_2(settings):
    """The batch size, what has to divide it, and fewer examples where all are a step."""
    words = ["batch_size=2"]
    if settings["micro_batch"] is not None:
        words.append("micro_batch=2")
    if settings["optimizer"].get("m") is not None:
        words.append("optimizer.m=2")
    if passes_are_updates(settings):
        size = "limit_train" if "limit_train" in settings["dataset"] else "train"
        words += ["optimizer.batch=100", f"dataset.{size}=100"]
    return words


def passes_are_updates(settings):
    """Of an optimizer that goes through all examples before it is evaluated."""
    return "sample" in settings["optimizer"]


def without_weights(settings, stages):
    """New weights in place of those of a file or of a run that an experiment names."""
    model, files = settings["model"], ("weights", "start", "end")
    words = [f"model.{name}=null" for name in files if model.get(name) is not None]
    for name, stage in stages.items():
        if (stage["stage"]["transfer"] or {}).get("weights") is not None:
            words.append(f"stages.{name}.transfer.weights=null")
    return words


@pytest.mark.parametrize("name", FIRST_OF_EACH_PAPER)
def test_it_composes(name):
    settings, stages = settings_of(f"experiment={name}")
    assert settings["name"] and stages


@pytest.mark.slow
@pytest.mark.parametrize("name", MINIS)
def test_a_scaled_down_experiment_takes_two_steps(name, monkeypatch):
    monkeypatch.setattr(trajectory, "STEPS", 2)
    settings, stages = settings_of(f"experiment={name}")
    words = [f"experiment={name}", *synthetic(settings), *without_weights(settings, stages)]
    if passes_are_updates(settings):
        words.append("dataset.train=16")
    made = trajectory.trajectory(words)
    assert len(made.losses) == 2 and all(map(isfinite, made.losses))
    assert made.losses[0] != made.losses[1] and all(map(isfinite, made.norms.values()))


def test_a_scaled_down_experiment_says_what_it_expects():
    for name in MINIS:
        assert "\n# observable: " in (CONFIGS / "experiment" / f"{name}.yaml").read_text(), name
