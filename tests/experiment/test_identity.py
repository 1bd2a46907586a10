"""A run is what its configuration says, whatever machine, order of words, or later options."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from basin.experiment.identity import essential, identities
from basin.experiment.schema import register
from basin.experiment.settings import run_settings
from basin.experiment.staging import stage_settings

CONFIGS = str(Path(__file__).resolve().parents[2] / "configs")


def stages(*overrides):
    register()
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        return stage_settings(compose("config", [*overrides]))


def identity(*overrides):
    return identities(stages(*overrides))[-1]


PLAIN = identity("model=resnet20", "lr=0.05")


@pytest.mark.parametrize(
    "overrides",
    [
        ["lr=0.05", "model=resnet20"],
        ["lr=5e-2"],
        ["optimizer.lr=0.05"],
        ["lr=0.05", "epochs=30.0"],
        ["lr=0.05", "weight_decay=5e-4"],
        ["lr=0.05", "device=cpu", "runtime.threads=3", "logger=[console,wandb]", "name=mine"],
        ["lr=0.05", "dataset.root=/some/where", "dataset.mirror=file:///x", "results=/else"],
        ["lr=0.05", "runtime.checkpoint_every=2 steps", "runtime.evaluation_batch=10"],
        ["lr=0.05", "runtime.compile=true", "metrics.per_tensor=true", "rerun=true"],
        ["lr=0.05", "seed=3"],
        ["lr=0.05", "dataset.limit_train=null"],
    ],
)
def test_the_same_run(overrides):
    assert identity(*overrides) == PLAIN


@pytest.mark.parametrize(
    "override",
    [
        *("lr=0.06", "epochs=31", "batch_size=64", "drop_last=true", "precision=bf16"),
        *("model=resnet32", "dataset=cifar100", "optimizer.nesterov=false", "decay=no_bias"),
        *("seed_init=1", "dataset.validation=10", "dataset.limit_train=100", "augment=none"),
        *("averaging=swa", "runtime.deterministic=true", "evaluate_every=2", "schedule=constant"),
    ],
)
def test_another_run(override):
    assert identity("model=resnet20", "lr=0.05", override) != PLAIN


def test_an_option_that_is_added_with_null_leaves_it_alone():
    settings = stages("lr=0.05")
    for stage in settings.values():
        stage["a_later_option"] = None
        stage["model"]["a_later_switch"] = None
    assert identities(settings)[-1] == PLAIN


def test_a_stage_is_named_by_its_predecessors_too():
    two = stages("lr=0.05", "+stages.more={epochs:2}")
    assert len(set(identities(two))) == 2
    assert identities(two)[0] == PLAIN  # so that a branch shares its trunk
    other = stages("lr=0.06", "+stages.more={epochs:2,lr:0.05}")
    last_settings = [list(s.values())[-1]["optimizer"] for s in (two, other)]
    assert last_settings[0] == last_settings[1]
    assert identities(two)[1] != identities(other)[1]


def test_it_is_fixed_for_ever():
    assert identity("experiment=quickstart") == "f119785444"


def test_records_hold_no_path_of_a_machine():
    register()
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        cfg = compose("config", ["dataset.root=/some/where", "results=/else"])
    text = str(essential(run_settings(cfg)))
    assert "/some/where" not in text and "/else" not in text
