"""Where a schedule lands in the configuration, and how the one behind a warm-up is chosen."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from basin.schedule.constant import Constant
from basin.schedule.cosine import Cosine
from basin.schedule.multistep import MultiStep
from basin.schedule.warmup import WarmUp

CONFIGS = Path(__file__).parents[2] / "configs"


def schedules(*overrides):
    """Field -> schedule, from a run of 200 epochs."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = compose(overrides=["+epochs=200", *overrides])
    return instantiate(composed.schedule, _convert_="all")


def kinds(*overrides):
    return {field: type(schedule) for field, schedule in schedules(*overrides).items()}


def test_the_learning_rate_is_what_a_schedule_moves():
    assert kinds("+schedule=cosine") == {"lr": Cosine}


def test_another_field_has_its_own():
    both = kinds("+schedule=multistep", "+schedule@schedule.momentum=cosine")
    assert both == {"lr": MultiStep, "momentum": Cosine}


@pytest.mark.parametrize("inner", [Constant, Cosine, MultiStep])
def test_the_schedule_behind_a_warm_up_is_an_option(inner):
    choice = f"schedule@schedule.lr.after={inner.__name__.lower()}"
    lr = schedules("+schedule=warmup", choice)["lr"]
    assert (type(lr), type(lr.after)) == (WarmUp, inner)


def test_a_warm_up_of_another_field():
    chosen = schedules(
        "+schedule=constant",
        "+schedule@schedule.momentum=warmup",
        "schedule@schedule.momentum.after=multistep",
        "schedule.momentum.after.gamma=0.5",
    )
    assert chosen["lr"] == Constant()
    assert chosen["momentum"].after.gamma == 0.5


def test_the_length_of_the_run_reaches_every_depth():
    assert schedules("+schedule=warmup")["lr"].after.epochs == 200
