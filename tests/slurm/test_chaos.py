"""A sweep under random kills, preemption and requeues ends with the weights of a quiet one."""

import os
import random
import time
from contextlib import suppress

import pytest
from commands import bitwise
from on_slurm import MINI, Sweep, epochs, job, kill, read, run, until
from safetensors.torch import load_file

pytestmark = pytest.mark.slurm
POINTS = int(os.environ.get("BASIN_CHAOS_POINTS", "4"))
"""12 for the whole of it; on CIFAR-10 where BASIN_DATA is set too."""
CIFAR = ["model=wrn_16_1", "dataset=cifar10", "dataset.limit_train=640", "batch_size=32"]
COMMON = ["device=cpu", "runtime.threads=1", "logger=none", "evaluate_every=4"]
SETTINGS = [*MINI[2:], "experiment=quickstart", "epochs=40"]
if "BASIN_DATA" in os.environ and POINTS > 4:
    SETTINGS = [*CIFAR, "epochs=12"]


def preempt(folder):
    """A job of the partition that preempts takes every node for a moment."""
    run("sbatch", "-p", "high", "-N", "2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")


def killed(folder):
    with suppress(ProcessLookupError):
        kill(folder)


MISHAPS = {
    "signal": lambda folder: run("scancel", "--signal=USR2", job(folder), check=False),
    "requeue": lambda folder: run("scontrol", "requeue", job(folder), check=False),
    "preempt": preempt,
    "kill": killed,
}


def test_a_disturbed_sweep_ends_as_a_quiet_one(cluster, tmp_path):
    words = [*SETTINGS, *COMMON, f"seed=range({POINTS})", "runtime.checkpoint_every=10 steps"]
    sweep, chance = Sweep(tmp_path / "sweep", *words), random.Random(0)
    sweep.submit()
    runs, done = sweep.runs, 0
    assert len(runs) == POINTS
    for name in [*MISHAPS, *chance.choices([*MISHAPS], k=POINTS - 4)]:
        running = until(
            lambda: [r for r in runs if read(r, "status").get("state") == "running" and epochs(r)],
            60.0 * POINTS,
        )
        MISHAPS[name](chance.choice(running))
        done += 1
        time.sleep(chance.uniform(0, 1))  # what is disturbed is left to chance
    while not all((r / "record.json").exists() for r in runs):
        if "failed" in sweep.script("status"):
            sweep.script("resubmit")
        time.sleep(2)
    quiet = sweep.sequential(tmp_path / "quiet", 400.0 * POINTS)
    assert set(quiet) == {r.name for r in runs} and done == max(POINTS, 4)
    restarted = 0
    for folder in runs:
        weights = [load_file(f / "last.safetensors") for f in (folder, quiet[folder.name])]
        assert bitwise(*weights)
        record, other = read(folder, "record"), read(quiet[folder.name], "record")
        assert record["exact"] and record["results"] == other["results"]
        assert record["cost"]["steps"] == other["cost"]["steps"]
        restarted += "continuing at epoch" in sweep.log(runs.index(folder))
    assert restarted >= 2
    sweep.script("summarise")  # whose exit status says that all are done
