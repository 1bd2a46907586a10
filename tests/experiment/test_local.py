"""hydra/launcher=local: a sweep in a pool of processes on this machine."""

import json
import os
import signal
import time

import cancel
import pytest
import torch
import yaml
from commands import MINI, Command, bitwise, run
from safetensors.torch import load_file

from basin.experiment import local
from basin.experiment.child import ELSEWHERE, main
from basin.experiment.frozen import FrozenJob
from basin.experiment.local import slots
from basin.experiment.local_process import task
from basin.launch.lock import RunLock
from hydra_plugins.basin_local import LocalLauncher

POOL = ["hydra/launcher=local", "hydra.launcher.runs_per_device=2", "runtime.threads=1"]


def where(tmp_path):
    return [f"results={tmp_path}/runs", f"hydra.sweep.dir={tmp_path}/sweeps"]


def weights(tmp_path):
    return {f.parent.name: load_file(f) for f in tmp_path.glob("runs/*/last.safetensors")}


def statuses(tmp_path):
    found = {}
    for file in tmp_path.glob("runs/*/status.json"):
        found[int(file.parent.name.rpartition("-s")[2])] = json.loads(file.read_text())
    return found


def test_each_device_has_its_runs_and_the_cores_are_shared(monkeypatch):
    monkeypatch.setattr(local, "cores", lambda: 8)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    (one,) = slots(None, 1)
    assert one.name == "cpu"
    assert one.variables == {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "8"}
    assert [s.variables["OMP_NUM_THREADS"] for s in slots(["cpu"], 3)] == ["2"] * 3
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [s.variables["CUDA_VISIBLE_DEVICES"] for s in slots(None, 2)] == ["0", "1", "0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-ab, 3")
    both = slots(None, 1)
    assert [s.name for s in both] == ["cuda GPU-ab", "cuda 3"]
    assert {s.variables["OMP_NUM_THREADS"] for s in both} == {"4"}
    assert [s.name for s in slots(["3"], 1)] == ["cuda 3"]


@pytest.mark.parametrize(
    ("devices", "runs", "text"),
    [(["7"], 1, "7 is not one of"), ([], 1, "is empty")],
)
def test_a_pool_of_nothing_is_refused(devices, runs, text):
    with pytest.raises(ValueError, match=text):
        slots(devices, runs)


def test_every_launch_of_a_sweeper_has_a_pool_of_its_own(tmp_path, monkeypatch):
    """One that chooses points by results launches several times."""
    queues = []

    class Counting:
        def __init__(self, devices, runs, *, progress_seconds):
            assert (devices, runs, progress_seconds) == (["cpu"], 2, 9.0)

        def run(self, points, sweep, start, queue):
            assert len([*start(points, sweep)]) == len(points)
            queues.append([job for job, _ in queue])

    monkeypatch.setattr(local, "Local", Counting)
    launcher = LocalLauncher(devices=["cpu"], runs_per_device=2, progress_seconds=9.0)
    jobs = [FrozenJob(str(tmp_path / name), None) for name in "abc"]
    for some in (jobs[:2], jobs[2:]):
        launcher.launch_points(some, tmp_path)
    assert queues == [jobs[:2], jobs[2:]]


def test_a_run_that_goes_on_elsewhere_has_an_exit_code_of_its_own(tmp_path, monkeypatch):
    """As where another pool was quicker, after both had looked."""
    monkeypatch.chdir(tmp_path)
    before = ("basin.launch.pool", "Pool._start", 1)
    sweep = ["-m", *MINI, "seed=0", *POOL, *where(tmp_path)]
    command = Command(*sweep, output=tmp_path / "first", kill_at=before)
    assert command.wait() == -signal.SIGKILL  # frozen, and not started
    (folder,) = tmp_path.glob("runs/*-s0")
    (snapshot,) = tmp_path.glob("sweeps/code/*")
    assert statuses(tmp_path)[0]["state"] == "queued"
    made = task(FrozenJob(str(folder), str(snapshot)), tmp_path / "log")
    assert made.command[-2:] == [str(folder), str(snapshot)]
    assert made.variables["PYTHONPATH"].split(os.pathsep)[0] == str(snapshot / "src")
    with RunLock(folder, print):
        assert main([str(folder)]) == ELSEWHERE
    assert statuses(tmp_path)[0]["state"] == "queued"
    assert yaml.safe_load((folder / "frozen.yaml").read_text())["settings"]["seed"] == 0


@pytest.mark.slow
def test_a_sweep_whose_run_is_killed_goes_on_and_again_trains_what_is_missing(tmp_path):
    sweep = ["-m", *MINI, "seed=0,1,2", *POOL, *where(tmp_path)]
    command = Command(*sweep, output=tmp_path / "first")
    while not any(s["state"] == "running" for s in statuses(tmp_path).values()):
        assert command.process.is_alive(), command.text()
        time.sleep(0.05)
    victim = next(k for k, s in statuses(tmp_path).items() if s["state"] == "running")
    os.kill(statuses(tmp_path)[victim]["pid"], signal.SIGKILL)
    assert command.wait() == 1, command.text()
    assert "2 done, 1 failed" in command.text() and "its process is gone" in command.text()
    assert len(weights(tmp_path)) == 2
    text = run(*sweep, output=tmp_path / "second")
    assert "1 of 3 points to run" in text and "3 points: 3 done" in text
    straight = tmp_path / "straight"
    for seed in range(3):
        run(*MINI, f"seed={seed}", f"results={straight}/runs", output=tmp_path / str(seed))
    ours, theirs = weights(tmp_path), weights(straight)
    assert ours.keys() == theirs.keys() and len(ours) == 3
    assert all(bitwise(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_cancel_stops_all_at_a_checkpoint_and_the_same_command_goes_on(number, tmp_path):
    longer = [*MINI, "epochs=40", "runtime.checkpoint_every=100"]
    sweep = ["-m", *longer, "seed=0,1,2", *POOL, *where(tmp_path)]
    command = Command(*sweep, output=tmp_path / "first")
    while len(list(tmp_path.glob("runs/*/metrics.jsonl"))) < 2:
        assert command.process.is_alive(), command.text()
        time.sleep(0.05)
    (sweep_folder,) = (file.parent for file in tmp_path.glob("sweeps/*/sweep.json"))
    by_hand = number == signal.SIGINT
    assert by_hand or cancel.main([str(sweep_folder)]) == 0
    if by_hand:
        command.kill(number)
    assert command.wait() == 128 + number, command.text()
    states = statuses(tmp_path)
    assert sorted(s["state"] for s in states.values()) == ["preempted", "preempted", "queued"]
    assert len(list(tmp_path.glob("runs/*/last.pt"))) == 2
    assert "the same command continues" in command.text()
    text = run(*sweep, output=tmp_path / "second")
    assert "3 points: 3 done" in text
    logs = [file.read_text() for file in tmp_path.glob("sweeps/*/jobs/*.log")]
    assert sum("continuing at epoch" in log for log in logs) == 2
    assert not list(sweep_folder.glob("pool-*"))


@pytest.mark.slow
def test_a_point_that_runs_elsewhere_is_left_alone_and_is_no_failure(tmp_path):
    longer = [*MINI, "epochs=500", "runtime.threads=1"]
    other = Command(*longer, "seed=0", where(tmp_path)[0], output=tmp_path / "other")
    while not list(tmp_path.glob("runs/*/metrics.jsonl")):
        assert other.process.is_alive(), other.text()
        time.sleep(0.05)
    points = tmp_path / "points"
    points.write_text("epochs=500 seed=0\nepochs=1 seed=1\n")
    mini = [word for word in MINI if not word.startswith("epochs")]
    sweep = ["-m", *mini, f"hydra.sweeper.points={points}", *POOL, *where(tmp_path)]
    text = run(*sweep, output=tmp_path / "sweep")
    assert "1 of 2 points to run" in text and "1 done, 1 running elsewhere" in text
    assert other.process.is_alive()
    other.kill(signal.SIGTERM)
    other.wait()
