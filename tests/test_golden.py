"""Every option of the configuration still makes the numbers that tests/golden records."""

import dataclasses
import json

import golden
import pytest
import yaml
from goldens.trajectory import Trajectory, options, trajectory

OPTIONS = options(yaml.safe_load((golden.GOLDEN / "overrides.yaml").read_text()))


SLOW = ("model_bit", "model_resnet", "model_googlenet", "model_efficientnet_b0")
"""3 to 7 s each."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in OPTIONS]
)
def test_trajectory_is_the_recorded_one(name):
    assert golden.check(golden.GOLDEN / f"{name}.json", trajectory(OPTIONS[name])) == ""


def test_no_golden_file_outlives_its_option():
    assert {file.stem for file in golden.GOLDEN.glob("*.json")} == set(OPTIONS)


def recorded(name="optimizer_sgd") -> Trajectory:
    return Trajectory(**json.loads((golden.GOLDEN / f"{name}.json").read_text()))


def with_loss(step, factor, **platform) -> Trajectory:
    """The record with one loss changed, on another platform where one is given."""
    before = recorded()
    losses = [loss * factor if i == step else loss for i, loss in enumerate(before.losses)]
    return dataclasses.replace(before, losses=losses, platform={**before.platform, **platform})


def test_the_last_bit_counts_on_the_recorded_platform():
    assert golden.compare(recorded(), with_loss(7, 1 + 2**-52)).startswith("the loss of step 7 was")


@pytest.mark.parametrize(("factor", "same"), [(1 + 5e-10, True), (1 + 2e-9, False)])
def test_another_cpu_may_round_differently(factor, same):
    assert (golden.compare(recorded(), with_loss(7, factor, family="another")) == "") is same


def test_a_loss_that_is_not_a_number_never_passes():
    assert "step 3" in golden.compare(recorded(), with_loss(3, float("nan"), family="another"))


def test_a_missing_golden_file_fails(tmp_path):
    assert "--update optimizer_sgd" in golden.check(tmp_path / "optimizer_sgd.json", recorded())


def test_a_solution_that_vanished_fails():
    fewer = dataclasses.replace(recorded("averaging_swa"), norms={"last": 1.0})
    assert golden.compare(recorded("averaging_swa"), fewer) != ""


def test_an_option_is_found_by_either_name():
    assert golden.wanted(["sgd", "model_resnet"], list(OPTIONS)) == [
        "optimizer_sgd",
        "model_resnet",
    ]
    with pytest.raises(ValueError, match="sgdd is not an option"):
        golden.wanted(["sgdd"], list(OPTIONS))


@pytest.mark.slow
def test_command_line_records_and_then_agrees(tmp_path, capsys):
    assert golden.main(["--update", "constant"], tmp_path) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["schedule_constant.json"]
    assert capsys.readouterr().out == "schedule_constant: recorded\n"
