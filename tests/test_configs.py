"""Every leaf of configs/ is found by itself: it composes, names every value, and builds."""

import copy
import inspect
from functools import cache
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import get_object

from basin.experiment import build, targets
from basin.experiment.check import check
from basin.experiment.schema import check_fields, register
from basin.experiment.settings import run_settings
from basin.experiment.staging import stage_settings

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
ELSEWHERE = (
    "experiment",
    "hydra",
    "table",
    "tune",
)  # have tests of their own
LEAVES = [
    (p.relative_to(CONFIGS).parts[0], str(Path(*p.relative_to(CONFIGS).parts[1:]).with_suffix("")))
    for p in sorted(CONFIGS.rglob("*/*.yaml"))
    if p.relative_to(CONFIGS).parts[0] not in ELSEWHERE
]
NEEDS = yaml.safe_load((Path(__file__).parent / "needs.yaml").read_text())


def overrides_of(group, option):
    """The option, and what it needs beside the defaults to be a run."""
    return [f"{group}={option}", *NEEDS.get(group, []), *NEEDS.get(f"{group}/{option}", [])]


def settings_of(*overrides):
    """The settings of a command line; most are asked for by many tests."""
    return copy.deepcopy(composed(overrides))


@cache
def composed(overrides):
    register()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("config", [*overrides])
    check_fields(cfg)
    return run_settings(cfg), stage_settings(cfg)


@pytest.mark.parametrize("leaf", LEAVES, ids="-".join)
def test_it_composes_names_every_value_and_builds_on_the_meta_device(leaf):
    settings, stages = settings_of(*overrides_of(*leaf))
    yaml_is_the_only_home_of_a_value(settings)
    plan = check(settings, stages)
    assert plan.parameters > 0 and plan.flops > 2 * plan.parameters / 100


def yaml_is_the_only_home_of_a_value(settings):
    """Python hyper-parameters are keyword-only and have no default."""
    for path, node in targets.targets(settings, ""):
        if not node["_target_"].startswith("basin.") or path.startswith("logger"):
            continue
        for name, parameter in inspect.signature(get_object(node["_target_"])).parameters.items():
            if name not in targets.RUNTIME:
                where = f"{path}: {node['_target_']}({name})"
                assert parameter.kind is parameter.KEYWORD_ONLY, where
                assert parameter.default is parameter.empty, where
                assert name in node, where


@pytest.mark.parametrize(
    "override", ["averaging=[swa]", "augment=[crop_flip]", "logger=[console,wandb]"]
)
def test_groups_that_take_lists(override):
    check(*settings_of(override))


def test_empty_lists_are_none():
    settings, stages = settings_of("averaging=[]", "augment=[]", "logger=[]")
    assert settings["averaging"] == settings["augment"] == settings["logger"] == {}
    check(settings, stages)


def test_a_value_in_steps_is_one_in_epochs():
    _, stages = settings_of("epochs=782 steps", "schedule=warmup", "schedule.lr.epochs=391 steps")
    plan = check(*settings_of("epochs=782 steps"))
    assert plan.epochs == {"train": 2.0}
    lr = build.in_epochs(stages["train"]["schedule"], plan.clock)["lr"]
    assert (lr["epochs"], lr["after"]["epochs"]) == (1.0, 2.0)
