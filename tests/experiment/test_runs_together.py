"""runtime.members: runs of one local sweep in one process, each as it would be alone."""

import json
import os
import signal
import time

import pytest
import torch
from commands import MINI, Command, run
from safetensors.torch import load_file

MEMBERS = ["hydra/launcher=local", "runtime.members=3"]
DIGITS = [*MINI, "precision=fp64"]
STEP = ("torch.optim", "SGD.step", 9)
POINTS = "seed=0 lr=0.05\nseed=1 lr=0.1\nseed=2 lr=0.2\n"


def where(tmp_path):
    return [f"results={tmp_path}/runs", f"hydra.sweep.dir={tmp_path}/sweeps"]


def sweep(tmp_path, *words, points=POINTS):
    file = tmp_path / "points"
    file.write_text(points)
    return ["-m", *DIGITS, *words, f"hydra.sweeper.points={file}", *MEMBERS, *where(tmp_path)]


def of(tmp_path, name):
    """The content of a file of every run, by seed."""
    read = load_file if name.endswith("safetensors") else lambda file: json.loads(file.read_text())
    files = tmp_path.glob(f"runs/*/{name}")
    return {int(file.parent.name.rpartition("-s")[2]): read(file) for file in files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The three points, one run after the other."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "points").write_text(POINTS)
    points = f"hydra.sweeper.points={folder}/points"
    run("-m", *DIGITS, points, *where(folder), output=folder / "output")
    return folder


def assert_alike(ours, theirs):
    weights, expected = of(ours, "last.safetensors"), of(theirs, "last.safetensors")
    assert weights.keys() == expected.keys()
    for seed, tensors in expected.items():
        for name, value in tensors.items():
            torch.testing.assert_close(weights[seed][name], value, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_three_members_are_three_runs_within_rounding(alone, tmp_path):
    text = run(*sweep(tmp_path), output=tmp_path / "output")
    assert "3 of 3 points to run in 1 processes" in text and "3 points: 3 done" in text
    assert_alike(tmp_path, alone)
    records, expected = of(tmp_path, "record.json"), of(alone, "record.json")
    for seed, record in records.items():
        assert record["exact"] is False and expected[seed]["exact"] is True
        assert record["computed"]["members"] == 3
        assert record["identity"] == expected[seed]["identity"]
        for key in ("steps", "gradient_evaluations", "forward_only", "passes"):
            assert record["cost"][key] == expected[seed]["cost"][key]
        final, other = (r["results"]["last"]["final"]["test"] for r in (record, expected[seed]))
        assert final == pytest.approx(other, rel=1e-6)
    assert len(list(tmp_path.glob("runs/*/metrics.jsonl"))) == 3
    assert not list(tmp_path.glob("runs/*/lock.json"))


@pytest.mark.slow
def test_a_signal_stops_all_and_plain_runs_go_on(alone, tmp_path):
    """And a checkpoint of a plain run is gone on with by members."""
    words = sweep(tmp_path, "epochs=3", "runtime.checkpoint_every=100")
    plain = [*DIGITS, where(tmp_path)[0]]
    first = Command(*plain, "seed=1", "lr=0.1", output=tmp_path / "plain", kill_at=STEP)
    assert first.wait() == -signal.SIGKILL
    command = Command(*words, output=tmp_path / "first")
    while len(list(tmp_path.glob("runs/*/metrics.jsonl"))) < 3:
        assert command.process.is_alive(), command.text()
        time.sleep(0.02)
    pids = {status["pid"] for status in of(tmp_path, "status.json").values()}
    assert len(pids) == 1
    os.kill(pids.pop(), signal.SIGTERM)  # as scripts/cancel.py does
    assert command.wait() == 1, command.text()
    states = of(tmp_path, "status.json")
    assert [states[seed]["state"] for seed in range(3)] == ["preempted"] * 3
    logs = "".join(file.read_text() for file in tmp_path.glob("sweeps/*/jobs/*.log"))
    assert "no longer bitwise the undisturbed run: members 1 -> 3" in logs
    for seed, lr in enumerate((0.05, 0.1, 0.2)):
        text = run(*plain, f"seed={seed}", f"lr={lr}", output=tmp_path / str(seed))
        assert "members 3 -> 1" in text
    assert_alike(tmp_path, alone)
    assert not any(record["exact"] for record in of(tmp_path, "record.json").values())


@pytest.mark.slow
def test_a_member_that_fails_leaves_the_others(alone, tmp_path):
    points = POINTS.replace("lr=0.1", "lr=1e30")
    command = Command(*sweep(tmp_path, points=points), output=tmp_path / "output")
    assert command.wait() == 1, command.text()
    assert "2 done, 1 failed" in command.text()
    assert "not finite" in of(tmp_path, "status.json")[1]["error"]
    weights, expected = (of(folder, "last.safetensors") for folder in (tmp_path, alone))
    assert weights.keys() == {0, 2}
    for seed, tensors in weights.items():
        for name, value in tensors.items():
            torch.testing.assert_close(value, expected[seed][name], rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_a_killed_process_goes_on_by_the_same_command(alone, tmp_path):
    words = sweep(tmp_path)
    command = Command(*words, output=tmp_path / "first")
    while len(list(tmp_path.glob("runs/*/last.pt"))) < 3:
        assert command.process.is_alive(), command.text()
        time.sleep(0.02)
    os.kill(of(tmp_path, "status.json")[0]["pid"], signal.SIGKILL)
    assert command.wait() == 1 and "3 failed" in command.text()
    assert "3 points: 3 done" in run(*words, output=tmp_path / "second")
    assert_alike(tmp_path, alone)
