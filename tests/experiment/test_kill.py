"""A run that is killed at any moment and restarted ends with bitwise the same weights."""

import json
import random
import signal
import time

import pytest
from commands import MINI, Command, bitwise, final_weights, run

OFTEN = "runtime.checkpoint_every=2 steps"
MOMENTS = {
    "while a checkpoint is written": ("basin.training.checkpoint", "write_atomically", 4),
    "after a checkpoint is complete, before its renames": ("pathlib.Path", "replace", 9),
    "between the two renames of a checkpoint": ("pathlib.Path", "replace", 10),
    "at the start of an evaluation": ("basin.training.reporting", "predict", 2),
    "at the end of an evaluation": ("basin.training.reporting", "headline", 2),
    "in the middle of an update": ("torch.optim.SGD", "step", 9),
    "between the metrics line and the checkpoint": ("basin.training.tally", "Tally.reset", 2),
    "before the record": ("basin.experiment.folder", "RunFolder.write_record", 1),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    run(*MINI, f"results={folder}", output=folder / "output")
    return folder


def metrics(folder):
    (path,) = folder.glob("*/metrics.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    timed = ("images_per_second", "seconds")
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_chosen_moment(moment, undisturbed, tmp_path):
    module, name, call = MOMENTS[moment]
    if module in ("pathlib.Path", "torch.optim.SGD"):
        module, prefix = module.rsplit(".", 1)
        name = f"{prefix}.{name}"
    arguments = [*MINI, OFTEN, f"results={tmp_path}"]
    first = Command(*arguments, output=tmp_path / "first", kill_at=(module, name, call))
    assert first.wait() == -signal.SIGKILL, first.text()
    run(*arguments, output=tmp_path / "second")
    assert bitwise(final_weights(undisturbed), final_weights(tmp_path))
    assert metrics(undisturbed) == metrics(tmp_path)
    ours, theirs = (
        json.loads(next(folder.glob("*/record.json")).read_text())
        for folder in (tmp_path, undisturbed)
    )
    assert ours["exact"] and ours["results"] == theirs["results"]
    for name in ("steps", "gradient_evaluations", "forward_only", "passes"):
        assert ours["cost"][name] == theirs["cost"][name]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_folder_of_images_resumes_in_the_middle_of_an_epoch(workers, tmp_path):
    """Decoded ahead of use or not, with Inception's crops: the images after the kill are those."""
    arguments = ["dataset=image_folder", "dataset.root=tests/dataset/folder", "dataset.size=32"]
    arguments += ["dataset.resize=36", "model=wrn_16_1", "augment=flip", "batch_size=1"]
    arguments += ["epochs=5", "schedule=constant", "lr=0.01", "device=cpu", "logger=none"]
    arguments += ["runtime.checkpoint_every=1 steps", "runtime.threads=1"]
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    run(*arguments, "dataset.workers=0", f"results={straight}", output=tmp_path / "0")
    arguments += [f"dataset.workers={workers}", f"results={killed}"]
    first = Command(*arguments, output=tmp_path / "1", kill_at=("torch.optim", "SGD.step", 11))
    assert first.wait() == -signal.SIGKILL, first.text()
    assert "continuing at epoch 2.5" in run(*arguments, output=tmp_path / "2")
    assert bitwise(final_weights(straight), final_weights(killed))


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "epochs"), [("fp32", 40), ("bf16", 15)])
@pytest.mark.parametrize(("optimizer", "name"), [("sgd", "SGD"), ("adamw", "AdamW")])
def test_killed_at_ten_random_moments(precision, epochs, optimizer, name, tmp_path):
    """A number of updates and a time later: shares of what a straight run takes here."""
    mini = [*MINI, f"precision={precision}", f"optimizer={optimizer}", f"epochs={epochs}"]
    mini += ["optimizer.lr=0.01", "runtime.checkpoint_every=3 steps"]
    mini = [a for a in mini if a != "epochs=3"]
    straight, disturbed = tmp_path / "straight", tmp_path / "disturbed"
    straight.mkdir()
    disturbed.mkdir()
    run(*mini, f"results={straight}", output=straight / "output")
    (record,) = straight.glob("*/record.json")
    cost = json.loads(record.read_text())["cost"]
    chance = random.Random(precision + optimizer)
    for _ in range(10):
        command = Command(
            *mini,
            f"results={disturbed}",
            output=disturbed / "output",
            kill_at=("torch.optim", f"{name}.step", chance.randint(1, cost["steps"] // 20)),
            kill_after=chance.uniform(0, cost["seconds"] / 40),
        )
        assert command.wait() == -signal.SIGKILL, command.text()
    text = run(*mini, f"results={disturbed}", output=disturbed / "output")
    assert text.count("continuing at epoch") >= 5
    assert bitwise(final_weights(straight), final_weights(disturbed))
    assert metrics(straight) == metrics(disturbed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_checkpoints_at_the_next_update_and_the_run_continues(
    number, undisturbed, tmp_path
):
    arguments = [*MINI, "runtime.checkpoint_every=100", f"results={tmp_path}"]
    command = Command(*arguments, output=tmp_path / "first")
    while not list(tmp_path.glob("*/metrics.jsonl")):  # one epoch is done, no checkpoint was due
        assert command.process.is_alive(), command.text()
        time.sleep(0.02)
    command.kill(number)
    assert command.wait() == 128 + number, command.text()
    (status,) = tmp_path.glob("*/status.json")
    assert json.loads(status.read_text())["state"] == "preempted"
    assert not list(tmp_path.glob("*/lock.json"))
    assert "stopping after this update" in command.text()
    assert "the same command continues" in command.text()
    text = run(*arguments, output=tmp_path / "second")
    assert "continuing at epoch" in text
    assert bitwise(final_weights(undisturbed), final_weights(tmp_path))
    assert metrics(undisturbed) == metrics(tmp_path)
