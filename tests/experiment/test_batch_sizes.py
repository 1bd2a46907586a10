"""Stages with batch sizes of their own: settings, clocks, identities, resume, what is refused."""

import json
import signal

import pytest
import torch
from commands import MINI, Command, bitwise, run
from omegaconf.errors import InterpolationResolutionError
from safetensors.torch import load_file
from test_configs import settings_of

from basin.core.clock import Clock
from basin.experiment.check import check
from basin.experiment.identity import identities

LINEAR = ("dataset=digits", "model=linear", "model.size=8", "schedule=constant")
SMALL = [word for word in MINI if word != "epochs=3"]
GROWING = [*SMALL, "stages=larger_batches", "schedule=constant", "epochs=5"]
GROWING += ["stages.train.epochs=2", "stages.second.epochs=1.5", "stages.third.epochs=1"]
GROWING += ["stages.second.batch_size=80", "stages.third.batch_size=192", "~stages.fourth"]
GROWING += ["runtime.keep_end=true"]
SLOW = pytest.mark.slow


def two(*words):
    """One epoch at the run's batch size, and one in `more`."""
    return settings_of(*LINEAR, "+stages.train.epochs=1", "+stages.more.epochs=1", *words)


def rates(stages):
    return [stage["optimizer"]["lr"] for stage in stages.values()]


def test_the_batch_grows_by_what_the_rate_would_drop_by():
    """Where multistep's rate is 0.2, 0.04 and 0.008 of the first (04-wrn), batch by batch."""
    settings, stages = settings_of("stages=larger_batches", "schedule=constant", "epochs=200")
    assert [stage["batch_size"] for stage in stages.values()] == [128, 640, 3200, 16000]
    plan, step = check(settings, stages), settings_of("epochs=200", "schedule=multistep")
    milestones = step[0]["schedule"]["lr"]["milestones"]
    assert list(plan.epochs.values()) == [60, 60, 40, 40] and milestones == [60, 120, 160]
    assert step[0]["schedule"]["lr"]["gamma"] == 0.2
    assert plan.clocks["third"] == Clock(50_000, 3200, 50_000) and len({*rates(stages)}) == 1
    kept = [stage["stage"]["optimizer_state"] for stage in stages.values()]
    assert kept == ["fresh", "keep", "keep", "keep"]


def test_the_rate_of_the_run_is_of_its_batch_and_a_stage_s_of_the_stage_s():
    scaled = "lr=${linear_scaled:0.1,128}"
    _, stages = two(scaled, "batch_size=256", "+stages.more.batch_size=512")
    assert rates(stages) == [0.2, 0.2]
    _, stages = two(f"optimizer.{scaled}", "batch_size=256", "+stages.more.batch_size=512")
    assert rates(stages) == [0.2, 0.2]
    own = f"+stages.more.{scaled}"
    _, stages = two(scaled, own, "batch_size=256", "+stages.more.batch_size=512")
    assert rates(stages) == [0.2, 0.4]


def test_of_each_stage_the_batch_size_of_the_run_is_meant():
    """Not that of the stage before, nor of the stage itself."""
    _, stages = settings_of("stages=larger_batches", "batch_size=3", "stages.second.batch_size=4")
    assert [stage["batch_size"] for stage in stages.values()] == [3, 4, 75, 375]
    with pytest.raises(InterpolationResolutionError, match="0.1 times 8 is 0.8, and no whole"):
        settings_of("stages=larger_batches", "stages.second.batch_size=${times:0.1,8}")


def test_which_run_it_is():
    trunk = identities(two()[1])
    same = identities(two("+stages.more.batch_size=128")[1])
    other = identities(two("+stages.more.batch_size=64")[1])
    assert same == trunk and other[0] == trunk[0] and other[1] != trunk[1]
    assert identities(two("batch_size=64")[1])[0] != trunk[0]


def test_lengths_in_steps_and_dropped_images_are_of_the_stage_s_batch():
    words = ["dataset.limit_train=100", "batch_size=30", "drop_last=true"]
    settings, stages = two(*words, "+stages.more.batch_size=40", "stages.more.epochs='3 steps'")
    plan = check(settings, stages)
    assert plan.clocks == {"train": Clock(90, 30, 100), "more": Clock(80, 40, 100)}
    assert plan.epochs == {"train": 1, "more": 1.5}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+stages.more.batch_size=0"], "^stages.more.batch_size=0 is not between 1 and"),
        (["+stages.more.batch_size=9000"], "^stages.more.batch_size=9000 is not .* the 1437 train"),
        (["+stages.more.batch_size=big"], "^stages.more.batch_size=big: .* converted to Integer"),
        (["+stages.more.batch_size=8", "micro_batch=16"], "and stages.more.batch_size=8$"),
        (
            ["+stages.more.batch_size=8", "runtime.autotune=true"],
            "autotune=true measures .* one batch size .train has 128, more has 8.",
        ),
        (
            [
                *("+stages.more.batch_size=8", "+stages.more.clock=run", "schedule=warmup"),
                *("schedule@schedule.lr.after=constant", "schedule.lr.epochs='3 steps'"),
            ],
            "^stages.more.clock=run with a schedule of '3 steps'.*; give epochs",
        ),
        (
            ["+stages.more.batch_size=8", "+stages.more.clock=run", "schedule=hyperrule"],
            "^stages.more.clock=run with a schedule of schedule.lr=.*HyperRule: .*train has 128",
        ),
        (
            [
                *("+stages.more.batch_size=8", "+stages.more.optimizer_state=keep"),
                "optimizer=replicated_sgd",
            ],
            "^stages.more.optimizer_state=keep with optimizer=.*ReplicatedSGD, .* take fresh",
        ),
        *(
            (
                ["+stages.more.batch_size=8", "+stages.more.optimizer_state=keep", *optimizer],
                f"^stages.more.optimizer_state=keep with optimizer=.*{name}, which counts updates",
            )
            for name, *optimizer in [
                ("SGDW", "optimizer=sgdw_normalised"),
                ("Adam", "optimizer=adamw_normalised"),
                ("EntropySGD", "optimizer=entropy_sgd", "optimizer.growth=null"),
            ]
        ),
    ],
)
def test_what_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        check(*two(*words))


@pytest.mark.parametrize("name", ["sgdw", "entropy_sgd"])
def test_what_counts_no_updates_is_kept(name):
    words = [f"optimizer={name}", "+stages.more.batch_size=8"]
    check(*two(*words, "+stages.more.optimizer_state=keep"))


def test_each_stage_divides_over_the_ranks():
    check(*two("+stages.more.batch_size=6", "batch_size=8"), ranks=2)
    with pytest.raises(ValueError, match="batch_size=6 is that of all 4 processes"):
        check(*two("+stages.more.batch_size=6", "batch_size=8"), ranks=4)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """192 images: 2 epochs of 6 updates, 1.5 of 3 (80, 80, 32), which 5 are, and one of 1."""
    results = tmp_path_factory.mktemp("growing")
    run(*GROWING, f"results={results}", output=results / "output")
    return results


def folder_of(results):
    (record,) = results.glob("*/record.json")
    return record.parent


def test_its_epochs_and_updates(undisturbed):
    folder = folder_of(undisturbed)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    third = 2 + 5 / 3
    assert [line["step"] for line in lines] == [6, 12, 15, 17, 18]
    expected = [1, 2, 3, third, third + 1]
    assert [line["epoch"] for line in lines] == pytest.approx(expected)
    assert len({line["lr"] for line in lines}) == 1
    drawn = 192 * 3 + 160 + 192
    found = [line["gradient_evaluations"] for line in lines]
    assert found == pytest.approx([1, 2, 3, 3 + 160 / 192, drawn / 192])
    record = json.loads((folder / "record.json").read_text())
    sizes = [stage["settings"]["batch_size"] for stage in record["stages"].values()]
    assert sizes == [32, 80, 192] and record["cost"]["steps"] == 18


def test_the_velocity_goes_on_over_the_edge(undisturbed):
    """The third stage's one update: v' = m v + g and w' = w - lr (g + m v'), v of the second's."""
    folder, m = folder_of(undisturbed), 0.9
    lr = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["lr"]
    ends = [torch.load(file, weights_only=True) for file in folder.glob("end-*.pt")]
    _, old, new = sorted(ends, key=lambda content: content["stage"])
    assert new["counters"]["step"] == old["counters"]["step"] + 1
    names = [name for name in new["model"] if name.endswith((".weight", ".bias"))]
    for i, name in enumerate(names):
        v, after = (end["optimizer"]["state"][i]["momentum_buffer"] for end in (old, new))
        moved = old["model"][name] - new["model"][name]
        expected = lr * (after - m * v + m * after)
        torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-7)
        assert v.norm() > 0.1 * after.norm()  # as fresh moments would not be


@pytest.mark.parametrize("step", [13, pytest.param(15, marks=SLOW), pytest.param(18, marks=SLOW)])
def test_a_run_that_is_killed_goes_on_bitwise(step, undisturbed, tmp_path):
    often = ["runtime.checkpoint_every=2 steps", f"results={tmp_path}"]
    at = ("torch.optim", "SGD.step", step)
    first = Command(*GROWING, *often, output=tmp_path / "first", kill_at=at)
    assert first.wait() == -signal.SIGKILL, first.text()
    run(*GROWING, *often, output=tmp_path / "second")
    files = [folder / "last.safetensors" for folder in map(folder_of, (tmp_path, undisturbed))]
    assert bitwise(*map(load_file, files))
    costs = [json.loads((file.parent / "record.json").read_text())["cost"] for file in files]
    assert costs[0]["steps"] == costs[1]["steps"] and costs[0]["epochs"] == costs[1]["epochs"]
