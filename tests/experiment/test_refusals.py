"""Bad input: one readable error before any work, exit code 1, nothing lost."""

import json
import os
import signal
import sys

import pytest
import torch
from commands import MINI, Command, bitwise, final_weights, run

import train
from basin.experiment.schema import RENAMED
from basin.training.tally import NonFinite

NOT_THERE = not torch.cuda.is_available()


@pytest.fixture
def refused(monkeypatch, capfd, tmp_path):
    """The error of `train.py ARGUMENTS`; nothing may have been trained or left behind."""

    def call(*arguments, code=1, empty=True):
        monkeypatch.setattr(sys, "argv", ["train.py", f"results={tmp_path}/runs", *arguments])
        assert train.main() == code
        error = capfd.readouterr().err
        assert "Traceback" not in error
        if empty:
            assert not list(tmp_path.glob("runs/*/*.pt")) + list(
                tmp_path.glob("runs/*/record.json")
            )
        return error

    return call


QUICK = "experiment=quickstart"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ltr=3"], ["ltr", "Did you mean lr?"]),
        (["+ltr=3"], ["ltr", "Did you mean lr?"]),
        (["+runtime.treads=3"], ["runtime.treads", "runtime.threads"]),
        (["optimizer.momentun=0.8"], ["optimizer.momentun", "optimizer.momentum"]),
        (["+optimizer.momentun=0.8"], ["optimizer.momentun", "optimizer.momentum"]),
        (["+model.depht=22"], ["model.depht", "model.depth"]),
        (["epochs=abc"], ["epochs='abc'", "500 steps"]),
        (["epochs=3 weeks"], ["epochs='3 weeks'", "500 steps"]),
        (["epochs=0"], ["epochs=0"]),
        (["epochs=-2"], ["epochs=-2"]),
        (["evaluate_every=0"], ["evaluate_every=0"]),
        (["batch_size=abc"], ["batch_size", "abc", "Integer"]),
        (["batch_size=0"], ["batch_size=0", "1437"]),
        (["batch_size=2000"], ["batch_size=2000", "1437"]),
        (["micro_batch=65"], ["micro_batch=65", "batch_size=64"]),
        (["lr=-0.1"], ["lr=-0.1", "0 or more"]),
        (["weight_decay=-1"], ["weight_decay=-1"]),
        (["optimizer.momentum=-0.5"], ["optimizer", "momentum", "-0.5"]),
        (["model.depth=21"], ["model", "depth=21", "6n"]),
        (["schedule=multistep"], ["schedule.lr", "160", "epochs=12"]),
        (["averaging=swa", "averaging.swa.start=13"], ["averaging.swa.start=13", "12"]),
        (["dataset.validation=1437"], ["dataset.validation=1437", "1437"]),
        (["dataset.limit_train=0"], ["dataset.limit_train=0"]),
        (
            ["+schedule@schedule.rho=cosine"],
            ["schedule.rho", "what can be scheduled is lr, momentum, weight_decay\n"],
        ),
        (["weight_decay=0", "+schedule@schedule.weight_decay=cosine"], ["weight_decay is 0"]),
        (["decay=some"], ["decay='some'", "no_bias"]),
        (["precision=fp8"], ["precision='fp8'", "bf16"]),
        (["device=tpu"], ["device='tpu'", "cuda"]),
        (["runtime.threads=0"], ["runtime.threads=0"]),
        (["+stages.train.clock=wall"], ["clock='wall'", "stage, run"]),
        (["+stages.train.clok=run"], ["stages.train.clok", "clock"]),
        (["results=/proc/none"], ["results=/proc/none", "cannot be written"]),
        (["model=wrn_99"], ["wrn_99", "wrn_28_10", "resnet20"]),
        (["optimizer=sdg"], ["optimizer/sdg", "Did you mean sgd?\n"]),
        (["optimizer=sam", "optimizer@optimizer.base=lokahead"], ["Did you mean lookahead?\n"]),
        (["experiment=swa/vgg16_cifar100"], ["_sgd or swa/vgg16_cifar100_swa?\n"]),
        (["experiment=nope"], ["mini, quickstart, adamw/...", "wrn/..."]),
        (["logger=[console,wadb]"], ["Did you mean wandb?\n"]),
        (["hydra/launcher=slrum"], ["Did you mean slurm?\n"]),
        (["lr=[1,2]"], ["lr"]),
        (["lr=0.1", "optimizer.lr=0.2"], ["lr and optimizer.lr"]),
        (["lr=inf"], ["lr=inf"]),
        (["optimizer.weight_decay=inf"], ["optimizer.weight_decay=inf", "finite"]),
        (["optimizer.momentum=abc"], ["optimizer.momentum='abc'", "float"]),
        (["optimizer.momentum='1 steps'"], ["optimizer.momentum='1 steps'", "finite float\n"]),
        (
            ["optimizer=sgdw_normalised", "optimizer.cycle_epochs=1 day"],
            ["optimizer.cycle_epochs='1 day'", "finite float or duration ('500 steps') | None\n"],
        ),
        (["model.depth=abc"], ["model.depth='abc'", "int"]),
        (["optimizer.nesterov=3"], ["optimizer.nesterov=3", "bool"]),
        (["+schedule@schedule.nesterov=cosine"], ["nesterov: True is not a number", "momentum"]),
        (["schedule=eigencurve"], ["schedule.lr.spectrum has no default"]),
        (
            ["schedule=warmup", "schedule@schedule.lr.after=sgdr"],
            ["schedule.lr.after_counts_from=start", "after_counts_from=end"],
        ),
        (["stages=swa", "epochs=20 steps"], ["error: stages.train.epochs: ", "0.75 of epochs=20"]),
        (["stages.train.epochs=2"], ["+stages.train.epochs=..."]),
        (["schedule@schedule.momentum=cosine"], ["+schedule@schedule.momentum=..."]),
        (["+stages={a:{epochs:1}}"], ["leaves train before", "~stages.train"]),
        (["schedule.lr.epochs=null"], ["schedule.lr.epochs=None"]),
        (["+optimizer.base=adamw"], ["optimizer@optimizer.base=adamw"]),
        (["stages.train=5"], ["stages.train=5"]),
        (["augment=crop_flip", "augment.crop_flip.pad=9"], ["augment.crop_flip", "pad=9"]),
        (["results="], ["results= is empty"]),
        (["optimizer=adamw", "optimizer.betas=[0.9]"], ["=[0.9]", "[finite float, finite float]"]),
        (["schedule=multistep", "schedule.lr.milestones=[a]"], ["schedule.lr.milestones"]),
        (["~objective"], ["objective"]),
        (["+stages.more={epochs:1,optimizer:{lr:0.01}}"], ["optimizer", "_target_"]),
        (["dataset=cifar10", "dataset.root=/dev/null"], ["/dev/null", "not a folder"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and "=" in value[0] else "",
)
def test_bad_input_is_named_with_what_is_allowed(refused, arguments, words):
    error = refused(QUICK, *arguments)
    for word in words:
        assert word in error
    assert len(error.splitlines()) < 60


@pytest.mark.parametrize("network", ["vgg16", "preresnet164", "wrn_28_10"])
def test_the_ends_of_a_published_curve_have_to_be_named(network, refused):
    error = refused(f"experiment=fge/{network}_cifar100_curve")
    assert "model.start=RUN_0" in error and "there is no such folder" in error


def test_a_renamed_key_is_answered_with_its_new_name(refused, monkeypatch):
    monkeypatch.setitem(RENAMED, "learning_rate", "lr")
    assert "learning_rate is now called lr" in refused("learning_rate=3")


@pytest.mark.skipif(not NOT_THERE, reason="this machine has CUDA")
def test_a_device_that_is_not_there(refused):
    assert "device=cuda" in refused(QUICK, "device=cuda")
    assert "tf32" in refused(QUICK, "precision=tf32", "device=cpu")


def test_fp16_on_a_cpu_without_its_units(refused, monkeypatch):
    monkeypatch.setattr("basin.training.precision._cpu_has_fp16", lambda: False)
    error = refused(QUICK, "precision=fp16", "device=cpu")
    assert "precision=fp16" in error and "fp32" in error


def test_a_loss_that_is_not_finite_stops_the_run_without_a_checkpoint(tmp_path):
    arguments = [*MINI, "lr=1e18", "runtime.checkpoint_every=1 steps", f"results={tmp_path}"]
    text = run(*arguments, output=tmp_path / "output", code=1)
    assert "not finite since step" in text and "lr=" in text and "Traceback" not in text
    for checkpoint in tmp_path.glob("*/*.pt"):
        model = torch.load(checkpoint, weights_only=True)["model"]
        assert all(torch.isfinite(v).all() for v in model.values() if v.is_floating_point())
    (status,) = tmp_path.glob("*/status.json")
    assert json.loads(status.read_text())["state"] == "failed"


def test_the_first_bad_step_is_named_with_its_epoch_and_lr():
    from toy import build, sgd

    parts = build(lambda g, m: (sgd(g), {}, {}))
    tally, logits = parts.closure.tally, torch.zeros(2, 3)
    targets = torch.tensor([0, 1])
    for step, loss in enumerate([1.0, float("inf"), float("nan"), 1.0]):
        tally.begin(step, step / 4, 0.1 * step)
        tally.add(torch.tensor([loss, 1.0]), logits, targets, num=2)
    with pytest.raises(NonFinite, match=r"since step 1 \(epoch 0.250, lr=0.1\)"):
        tally.read()


def test_a_full_disk_leaves_the_checkpoint_before_it_valid(tmp_path):
    arguments = [*MINI, "runtime.checkpoint_every=2 steps"]
    full = Command(
        *arguments,
        f"results={tmp_path}/full",
        output=tmp_path / "first",
        full_at=("basin.training.checkpoint", "write_atomically", 4),
    )
    assert full.wait() == 1
    assert "next.pt" in full.text() and "Traceback" not in full.text()
    (folder,) = (tmp_path / "full").iterdir()
    assert torch.load(folder / "last.pt", weights_only=True)["counters"]["step"] == 6
    assert not list(folder.glob("*.partial")) and not list(folder.glob(".*.partial"))
    run(*arguments, f"results={tmp_path}/full", output=tmp_path / "second")
    run(*arguments, f"results={tmp_path}/plain", output=tmp_path / "third")
    assert bitwise(final_weights(tmp_path / "full"), final_weights(tmp_path / "plain"))


@pytest.fixture
def stopped(tmp_path):
    """A run folder with two checkpoints, killed in its third epoch."""
    results = tmp_path / "results"
    arguments = [*MINI, f"results={results}"]
    kill_at = ("basin.training.reporting", "predict", 3)
    command = Command(*arguments, output=tmp_path / "output", kill_at=kill_at)
    assert command.wait() == -signal.SIGKILL
    (folder,) = results.iterdir()
    return arguments, folder, tmp_path / "output"


def test_a_truncated_checkpoint_falls_back_to_the_one_before(stopped):
    arguments, folder, output = stopped
    last = folder / "last.pt"
    assert torch.load(last, weights_only=True)["t"] == 2.0
    os.truncate(last, last.stat().st_size // 2)
    text = run(*arguments, output=output)
    assert "last.pt is truncated" in text and "continuing at epoch 1.000" in text


def test_no_readable_checkpoint_is_an_error_not_a_new_start(stopped):
    arguments, folder, output = stopped
    for name in ("last.pt", "previous.pt"):
        (folder / name).write_bytes(b"not a checkpoint")
    text = run(*arguments, output=output, code=1)
    assert "none of" in text and "rerun=true" in text
    run(*arguments, "rerun=true", output=output)


def test_a_checkpoint_with_code_is_refused(stopped):
    arguments, folder, output = stopped
    torch.save({"format": 1, "model": Exploit()}, folder / "last.pt")
    text = run(*arguments, output=output, code=1)
    assert "last.pt is refused: it holds pickled code" in text
    assert not (folder / "exploited").exists()


class Exploit:
    def __reduce__(self):
        return (os.system, ("touch exploited",))


def test_a_checkpoint_of_another_configuration_is_refused_with_the_differing_keys(stopped):
    arguments, folder, output = stopped
    other = [*arguments, "optimizer.nesterov=false", "lr=0.02"]
    first = Command(
        *other, output=output, kill_at=("basin.training.checkpoint", "write_atomically", 2)
    )
    assert first.wait() == -signal.SIGKILL
    (mine,) = (path for path in folder.parent.iterdir() if path != folder)
    (mine / "last.pt").write_bytes((folder / "last.pt").read_bytes())
    text = run(*other, output=output, code=1)
    assert "optimizer.lr: 0.1 -> 0.02" in text and "optimizer.nesterov: True -> False" in text


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}'])
def test_a_damaged_record_is_named(finished_folder, text):
    arguments, folder, output = finished_folder
    (folder / "record.json").write_text(text)
    assert "record.json is damaged; rerun=true" in run(*arguments, output=output, code=1)


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory):
    results = tmp_path_factory.mktemp("finished")
    arguments = [*MINI[:1], *MINI[2:], "epochs=1 steps", f"results={results}/runs"]
    run(*arguments, output=results / "output")
    (folder,) = (results / "runs").iterdir()
    return arguments, folder, results / "output"


def test_lost_metrics_are_told(stopped):
    arguments, folder, output = stopped
    (folder / "metrics.jsonl").unlink()
    assert "metrics.jsonl lacks" in run(*arguments, output=output)


def test_a_newer_checkpoint_format_is_refused(stopped):
    arguments, folder, output = stopped
    content = torch.load(folder / "last.pt", weights_only=True)
    torch.save({**content, "format": 99}, folder / "last.pt")
    assert "checkpoint format 99" in run(*arguments, output=output, code=1)


def test_a_second_process_on_a_running_folder_is_refused(tmp_path):
    arguments = [*MINI, "epochs=60", f"results={tmp_path}"]
    arguments.remove("epochs=3")
    first = Command(*arguments, output=tmp_path / "first")
    while not list(tmp_path.glob("*/metrics.jsonl")):
        assert first.process.is_alive(), first.text()
    text = run(*arguments, output=tmp_path / "second", code=1)
    assert f"process {first.process.pid}" in text
    first.kill(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL


def test_a_process_that_lost_its_folder_stops_without_writing(tmp_path):
    arguments = [*MINI, "epochs=400", "runtime.checkpoint_every=1000", f"results={tmp_path}"]
    arguments.remove("epochs=3")
    command = Command(*arguments, output=tmp_path / "output")
    while not list(tmp_path.glob("*/metrics.jsonl")):
        assert command.process.is_alive(), command.text()
    (lock,) = tmp_path.glob("*/lock.json")
    holder = json.loads(lock.read_text())
    lock.write_text(json.dumps({**holder, "token": "another", "host": "elsewhere"}))
    assert command.wait() == 1, command.text()
    assert "was taken over by" in command.text()
    folder = lock.parent
    assert not list(folder.glob("*.pt"))
    assert json.loads((folder / "status.json").read_text())["state"] == "running"


def test_a_signal_ends_a_sweep_and_not_one_run_of_it(tmp_path):
    arguments = ["-m", *MINI, "seed=0,1,2", f"hydra.sweep.dir={tmp_path}/sweep"]
    command = Command(*arguments, f"results={tmp_path}/runs", output=tmp_path / "output")
    while not list(tmp_path.glob("runs/*/metrics.jsonl")):
        assert command.process.is_alive(), command.text()
    command.kill(signal.SIGTERM)
    assert command.wait() == 128 + signal.SIGTERM, command.text()
    assert len(list(tmp_path.glob("runs/*"))) == 1


def test_what_a_kill_right_after_the_record_left_is_tidied(tmp_path):
    arguments = [*MINI, f"results={tmp_path}"]
    kill_at = ("basin.training.checkpoint", "Checkpoints.clear", 1)
    assert Command(*arguments, output=tmp_path / "first", kill_at=kill_at).wait() < 0
    assert list(tmp_path.glob("*/last.pt"))
    run(*arguments, output=tmp_path / "second")
    assert not list(tmp_path.glob("*/*.pt"))
    (status,) = tmp_path.glob("*/status.json")
    assert json.loads(status.read_text())["state"] == "done"
