"""Stages by the real command line: trunks that branches share, ends that are kept, `until`."""

import json
import math
import signal
from unittest import mock

import evaluate
import pytest
import torch
from commands import MINI, Command, bitwise, run
from safetensors.torch import load_file
from test_configs import settings_of

from basin.experiment import build
from basin.experiment.check import check
from basin.experiment.identity import identities

SMALL = [a for a in MINI if a != "epochs=3"]
TRUNK = [*SMALL, "+stages.train.epochs=2", "schedule.lr.epochs=3"]
SWA = "+stages.swa={epochs:%s,lr:0.01,optimizer_state:keep}"


def branch(epochs, *more):
    """Two epochs of the trunk, then SWA."""
    stage = [SWA % epochs, "+schedule@stages.swa.schedule.lr=constant"]
    average = ["+averaging@stages.swa.averaging.swa=swa", "stages.swa.averaging.swa.start=1"]
    return [*TRUNK, *stage, *average, *more]


def folders(results):
    return {json.loads(p.read_text())["cost"]["epochs"]: p.parent for p in records(results)}


def records(results):
    return sorted(results.glob("*/record.json"))


def record_of(folder):
    return json.loads((folder / "record.json").read_text())


def lines_of(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in line.items() if k not in ("images_per_second", "seconds")}
        for line in lines
    ]


@pytest.fixture(scope="module")
def branches(tmp_path_factory):
    """Three budgets of SWA in one folder of results, where the trunk trains once."""
    results = tmp_path_factory.mktemp("branches")
    texts = [
        run(*branch(n), f"results={results}", output=results / f"output{n}") for n in (1, 2, 3)
    ]
    return results, texts


def test_three_budgets_from_one_trunk_equal_three_separate_runs(branches, tmp_path):
    shared, texts = branches
    assert "not trained again" not in texts[0]
    assert all("stage train is that of" in text for text in texts[1:])
    for n in (1, 3):  # the second differs from them in nothing
        run(*branch(n), f"results={tmp_path}/{n}", output=tmp_path / f"o{n}")
        (alone,) = (p.parent for p in records(tmp_path / str(n)))
        ours = folders(shared)[2 + n]
        for solution in ("last", "swa"):
            files = [load_file(f / f"{solution}.safetensors") for f in (ours, alone)]
            assert bitwise(*files)
        assert lines_of(ours) == lines_of(alone)
        a, b = record_of(ours), record_of(alone)
        assert a["results"] == b["results"] and a["exact"] and b["exact"]
        assert a["cost"]["gradient_evaluations"] == b["cost"]["gradient_evaluations"] == 2 + n
        assert b["trunk"] is None and (a["trunk"] is None) == (n == 1)
    assert a["trunk"] == {"stage": "train", "run": folders(shared)[3].name}


def test_what_a_run_of_stages_records(branches):
    results, _ = branches
    record = record_of(folders(results)[5])
    assert record["averaged"] == {"swa": {"rule": "mean of weights", "iterates": 3}}
    assert record["results"]["swa"]["passes"] == 1 and record["cost"]["forward_only"] == 3
    lines = lines_of(folders(results)[5])
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5]
    assert [sorted(line["solutions"]) for line in lines] == [["last"]] * 2 + [["last", "swa"]] * 3
    assert [line["forward_only"] for line in lines] == [0, 0, 1, 2, 3]
    assert lines[-1]["passes"] == {"last": 1, "swa": 1}
    assert [line["gradient_evaluations"] for line in lines] == [1, 2, 3, 4, 5]


def test_a_later_stage_can_be_trained_again_alone(branches, tmp_path):
    results, _ = branches
    folder = folders(results)[4]
    before = load_file(folder / "swa.safetensors"), lines_of(folder)
    again = ["rerun=true", "rerun_from=swa", f"results={results}"]
    text = run(*branch(2), *again, output=tmp_path / "o")
    assert "stage train is that of" in text
    assert bitwise(before[0], load_file(folder / "swa.safetensors"))
    assert before[1] == lines_of(folder)


@pytest.mark.slow
def test_rerun_trains_the_trunk_too(branches, tmp_path):
    results, _ = branches
    folder = folders(results)[3]
    before = load_file(folder / "last.safetensors")
    text = run(*branch(1), "rerun=true", f"results={results}", output=tmp_path / "o")
    assert "not trained again" not in text
    assert bitwise(before, load_file(folder / "last.safetensors"))


SLOW = pytest.mark.slow


@pytest.mark.parametrize("step", [pytest.param(9, marks=SLOW), 14, pytest.param(16, marks=SLOW)])
def test_a_branch_that_is_killed_goes_on(step, branches, tmp_path):
    """In the trunk, inside the second stage, and between its collection points."""
    often = ["runtime.checkpoint_every=2 steps", f"results={tmp_path}"]
    at = ("torch.optim", "SGD.step", step)
    first = Command(*branch(3), *often, output=tmp_path / "first", kill_at=at)
    assert first.wait() == -signal.SIGKILL, first.text()
    run(*branch(3), *often, output=tmp_path / "second")
    (folder,) = (p.parent for p in records(tmp_path))
    undisturbed = folders(branches[0])[5]
    for solution in ("last", "swa"):
        assert bitwise(*(load_file(f / f"{solution}.safetensors") for f in (folder, undisturbed)))
    assert lines_of(folder) == lines_of(undisturbed)
    assert record_of(folder)["stages"] == record_of(undisturbed)["stages"]


@pytest.mark.slow
def test_a_damaged_end_is_not_used(branches, tmp_path):
    source = folders(branches[0])[3]
    (end,) = source.glob("end-*.pt")
    copy = tmp_path / source.name
    copy.mkdir()
    (copy / end.name).write_bytes(end.read_bytes()[:1000])
    (copy / end.with_suffix(".jsonl").name).write_bytes(b"")
    text = run(*branch(1), f"results={tmp_path}", output=tmp_path / "o")
    assert "is damaged" in text and "not trained again" not in text


@pytest.mark.slow
def test_an_ordinary_run_keeps_its_end_where_it_is_asked_to(tmp_path):
    plain = [*SMALL, "epochs=2", "schedule.lr.epochs=3", f"results={tmp_path}"]
    run(*plain, "runtime.keep_end=true", output=tmp_path / "o")
    text = run(*branch(1), f"results={tmp_path}", output=tmp_path / "o2")
    assert "stage train is that of" in text


@pytest.mark.slow
def test_dswa_begins_its_second_block_with_the_average_and_without_momentum(tmp_path):
    blocks = ["stages=dswa", "stages.train.epochs=1", "stages.first.epochs=2"]
    blocks += ["stages.second.epochs=1", "schedule.lr.epochs=1", f"results={tmp_path}"]
    arguments = [*SMALL, *blocks, "runtime.checkpoint_every=100"]
    kill = ("torch.optim", "SGD.step", 19)  # the first update of the second block
    first = Command(*arguments, output=tmp_path / "o", kill_at=kill)
    assert first.wait() == -signal.SIGKILL, first.text()
    text = run(*arguments, output=tmp_path / "o2")
    assert "continuing at epoch 3.000" in text  # the average is computed again
    (folder,) = (p.parent for p in records(tmp_path))
    straight = [a for a in arguments if not a.startswith("results=")]
    run(*straight, f"results={tmp_path}/straight", output=tmp_path / "o3")
    (other,) = (p.parent for p in records(tmp_path / "straight"))
    assert bitwise(*(load_file(f / "swa.safetensors") for f in (folder, other)))
    assert (
        record_of(folder)["cost"]["forward_only"] == record_of(other)["cost"]["forward_only"] == 3
    )
    ends = [torch.load(f, weights_only=True) for f in sorted(folder.glob("end-*.pt"))]
    assert sorted(end["stage"] for end in ends) == [0, 1]
    (average,) = (e["averagers"]["swa"]["average"] for e in ends if e["stage"] == 1)
    assert lines_of(folder)[3]["epoch"] == 4 and average["stem.weight"].abs().sum() > 0


def test_a_stage_ends_at_the_lowest_rate_of_autodrop(tmp_path):
    plan = ["schedule=autodrop_2024", "schedule.lr.window=1", "schedule.lr.width=2"]
    plan += ["schedule.lr.threshold=180", "schedule.lr.floor=0.95", "+stages.train.until=lr"]
    plan += ["+stages.train.epochs=3", "+stages.more={epochs:1,lr:0.01}"]
    plan += ["+schedule@stages.more.schedule.lr=constant"]
    run(*SMALL, *plan, f"results={tmp_path}", output=tmp_path / "o")
    (folder,) = (p.parent for p in records(tmp_path))
    lines = lines_of(folder)
    drop = lines[0]["epoch"]  # the fifth update has the second smoothed angle, and drops
    per_epoch = 6
    assert lines[0]["step"] == 5 and drop == pytest.approx(5 / per_epoch)
    assert lines[-1]["epoch"] == pytest.approx(drop + 1) and lines[-1]["step"] == 5 + per_epoch
    assert record_of(folder)["cost"]["epochs"] == pytest.approx(drop + 1)


def stage(**fields):
    return ["+stages.train.epochs=2", *(f"+stages.more.{k}={v}" for k, v in fields.items())]


def begun_with(solution, *words):
    """A stage that begins with a solution of the one before, which is an ensemble or none."""
    transfer = f"{{_target_:basin.stages.solution.FromSolution,solution:{solution},_partial_:true}}"
    return [*words, *stage(epochs=1, transfer=transfer)]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (stage(until="lr"), "more.until=lr: schedule.lr never ends by itself"),
        (stage(until="rho"), "schedule.rho is not there"),
        (["+stages.train.optimizer_state=keep"], "train.optimizer_state=keep: there is no stage"),
        (stage(averaging_state="maybe"), "averaging_state='maybe' is not one of fresh, keep"),
        (
            [*stage(optimizer_state="keep"), "+optimizer@stages.more.optimizer=adamw"],
            "more.optimizer_state=keep: optimizer is .*adamw",
        ),
        (
            [
                *stage(averaging_state="keep", epochs=30),
                "+averaging@stages.more.averaging.swa=swa",
            ],
            "more.averaging_state=keep: averaging is",
        ),
        (
            ["averaging=fge", "schedule=fge", "epochs=4", *stage(averaging_state="keep")],
            "members on disk belong to their stage",
        ),
        (
            ["stages=dswa", "stages.second.transfer.solution=ema"],
            "^stages.second.transfer.solution='ema' is not one.*last, swa",
        ),
        (begun_with("fge", "averaging=fge", "schedule=fge"), "fge' is not one net.* has last$"),
        (begun_with("replicas", "optimizer=replicated_sgd"), "is not one net.* has last$"),
        (begun_with("autodrop_v1", "averaging=autodrop_v1"), "is not one net.* has last$"),
        (["stages=fine_tune", "stages.fine_tune.transfer.weights=/no/where"], "no run folder"),
        (
            ["stages=fine_tune", "stages.fine_tune.transfer.weights=/no/where.safetensors"],
            "^stages.fine_tune.transfer.weights=/no/where.safetensors: there is no such file",
        ),
        (["rerun_from=more"], "rerun_from=more is for rerun=true"),
        (["rerun=true", "rerun_from=train"], "after the first .this run has one stage"),
        (["stages=swa", "epochs=500 steps"], "parts of the epochs"),
        (
            ["stages=swa", "stages.swa.averaging.swa.start=9"],
            r"^stages.swa.averaging.swa.start=9: ",
        ),
        (
            ["stages=fge", "epochs=20", "stages.fge.averaging.fge.cycle=4"],
            "^stages.fge.averaging.fge.cycle=4: the rate is not at its lowest",
        ),
        (["stages=fge", "epochs=4"], "^stages.fge.averaging.fge.cycle=2: .*never collect"),
        (
            ["stages=swa", "epochs=9", "stages.train.epochs=10"],
            "train.horizon=9 is less than the 10",
        ),
        (
            [*stage(epochs=8), "+stages.train.horizon=9", "+stages.train.clock=run"],
            "train.horizon=9 is less than the 10 epochs of all stages",
        ),
        (["averaging=snapshots"], "^averaging.snapshots.at=null: .*schedule=sgdr"),
        (
            ["averaging=snapshots", "schedule=sgdr", "epochs=9"],
            "^averaging.snapshots.at=null: no cycle of the rate ends in training",
        ),
        (stage(epochs=0), "^stages.more.epochs=0 is not above 0"),
        (stage(epochs="long"), "^stages.more.epochs='long' is not a duration"),
        (stage(lr="low"), "^stages.more.lr=low: .* could not be converted"),
        (stage(transfer="swa"), "^stages.more.transfer=swa is no transfer"),
        (
            stage(optimizer="adamw"),
            r"by \+optimizer@stages.more.optimizer=adamw$",
        ),
        (stage(averaging="swa"), r"by \+averaging@stages.more.averaging.swa=swa$"),
        (stage(schedule="cosine"), r"by \+schedule@stages.more.schedule.lr=cosine$"),
    ],
)
def test_what_is_refused(overrides, message):
    with pytest.raises(Exception, match=message):
        check(*settings_of(*SMALL[:1], "model=linear", "model.size=8", *overrides))


@pytest.mark.parametrize(
    ("option", "schedule", "rate"),  # 08-fge-mode-connectivity: .0257 at epoch 160 of 200 from 1
    [
        ("fge", ["schedule=swa", "schedule.lr.first_epoch=1"], 0.0257),
        ("swa", ["schedule=cosine"], 0.1 * (1 + math.cos(math.pi * 149 / 200)) / 2),
    ],
)
def test_the_trunk_is_the_first_part_of_the_run(option, schedule, rate):
    words = ["dataset=digits", "model=linear", "model.size=8", "lr=0.1", "epochs=200"]
    settings, stages = settings_of(*words, f"stages={option}", *schedule)
    plan = check(settings, stages)
    network = torch.nn.Linear(1, 1)
    lr = build.method(stages["train"], network, plan.clock)[2]["lr"]
    assert plan.epochs == {"train": 150 if option == "swa" else 160, option: mock.ANY}
    assert 0.1 * lr(plan.epochs["train"] - 1) == pytest.approx(rate, abs=5e-5)
    branches = settings_of(*words, f"stages={option}", *schedule, f"stages.{option}.epochs=90")
    assert identities(branches[1])[0] == identities(stages)[0]  # one trunk
    plain = [f"+stages.train.epochs={plan.epochs['train']}", f"schedule.lr.{FULL[schedule[0]]}=200"]
    assert identities(settings_of(*words, *schedule, *plain)[1])[0] == identities(stages)[0]


FULL = {"schedule=swa": "horizon", "schedule=cosine": "epochs"}


def test_fges_cycle_is_that_of_its_rate():
    def cycle(*words):
        return settings_of("epochs=20", *words)[1]

    for half, whole in ((1, 2), (2, 4), ("3 steps", "6 steps"), ("1234567 steps", "2469134 steps")):
        own = cycle("stages=fge", f"stages.fge.schedule.lr.half_cycle={half}")["fge"]
        run = cycle("averaging=fge", "schedule=fge", f"schedule.lr.half_cycle={half}")["train"]
        assert own["averaging"]["fge"]["cycle"] == run["averaging"]["fge"]["cycle"] == whole


@pytest.mark.parametrize(
    ("cycles", "epochs", "ends"),
    [
        ((10, 2), "200", [10, 30, 70, 150]),
        ((1, 2), "15", [1, 3, 7, 15]),
        ((5, 1), "19.5", [5, 10, 15]),
        ((0.1, 1), "0.3", pytest.approx([0.1, 0.2, 0.3])),
        (("500 steps", 3), "2000 steps", ["500 steps", "2000 steps"]),
    ],
)
def test_snapshots_are_taken_where_sgdrs_cycles_end(cycles, epochs, ends):
    first, multiplier = cycles
    words = ["averaging=snapshots", "schedule=sgdr", f"epochs={epochs}"]
    words += [f"schedule.lr.first_cycle={first}", f"schedule.lr.multiplier={multiplier}"]
    _, stages = settings_of(*words)
    assert stages["train"]["averaging"]["snapshots"]["at"] == ends
    own = ["+stages.more.epochs=3", "+schedule@stages.more.schedule.lr=sgdr"]
    own += ["+averaging@stages.more.averaging.snapshots=snapshots"]
    _, stages = settings_of(*own, "stages.more.schedule.lr.first_cycle=1")
    assert stages["more"]["averaging"]["snapshots"]["at"] == [1, 3]


def test_fge_as_a_stage_keeps_its_members_on_disk_and_resumes(tmp_path):
    arguments = [*SMALL, "stages=fge", "epochs=5", "stages.train.epochs=1", "stages.fge.epochs=3"]
    arguments += ["runtime.checkpoint_every=3 steps", f"results={tmp_path}"]
    kill = ("torch.optim", "SGD.step", 15)
    first = Command(*arguments, output=tmp_path / "o", kill_at=kill)
    assert first.wait() == -signal.SIGKILL, first.text()
    (checkpoint,) = tmp_path.glob("*/last.pt")
    content = torch.load(checkpoint, weights_only=True)["averagers"]["fge"]["members"]
    assert content["numbers"] == [0] and content["weights"] == []
    run(*arguments, output=tmp_path / "o2")
    (folder,) = (p.parent for p in records(tmp_path))
    record = record_of(folder)
    assert record["results"]["fge"]["members"] == ["fge_0", "fge_1"]
    assert record["results"]["fge"]["passes"] == 2
    assert record["averaged"]["fge"] == {"rule": "mean of softmaxes", "members": 2, "kept": "disk"}
    assert record["cost"]["forward_only"] == 0  # no BN pass
    assert record["results"]["fge"]["final"]["test"] != record["results"]["last"]["final"]["test"]
    rates = {line["epoch"]: line["lr"] for line in lines_of(folder)}
    assert rates[2] < 0.02 < rates[3] and rates[4] < 0.02  # members 0 and 1 are at the minima
    first, last = (load_file(folder / f"fge_{i}.safetensors") for i in (0, 1))
    final = load_file(folder / "last.safetensors")
    assert bitwise(last, final) and not bitwise(first, final)  # the run ends at a minimum


@pytest.mark.slow
def test_fine_tuning_from_another_run(branches, tmp_path):
    source = folders(branches[0])[4]
    head = ["stages=fine_tune", f"stages.fine_tune.transfer.weights={source}"]
    head += ["stages.fine_tune.transfer.solution=swa", "epochs=1", f"results={tmp_path}"]
    run(*SMALL, *head, "lr=1e-12", output=tmp_path / "o")
    (folder,) = (p.parent for p in records(tmp_path))
    ours, theirs = (load_file(f) for f in (folder / "last.safetensors", source / "swa.safetensors"))
    (name,) = (k.removesuffix(".weight") for k in ours if k.endswith("linear.weight"))
    assert ours[f"{name}.weight"].abs().max() < 1e-9
    torch.testing.assert_close(ours["stem.weight"], theirs["stem.weight"], rtol=0, atol=1e-9)


def test_an_ensemble_of_branches_counts_their_trunk_once(branches, tmp_path):
    runs = [str(folder) for folder in folders(branches[0]).values()]
    file = tmp_path / "report.json"
    words = [f"ensemble=[{','.join(runs)}]", "solution=swa", "device=cpu", f"output={file}"]
    assert evaluate.main(words) == 0
    cost = json.loads(file.read_text())["cost"]
    assert cost == {"gradient_evaluations": 2 + 1 + 2 + 3, "forward_only": 1 + 2 + 3}
    assert record_of(folders(branches[0])[5])["stages"]["train"]["spent"] == {
        "gradient_evaluations": 2,
        "forward_only": 0,
    }
