"""What is queued stays what it was; whoever submitted it may go, and nothing trains twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from commands import ROOT
from on_slurm import HERE, POINT, Sweep, epochs, job, read, restarts, run, until

pytestmark = pytest.mark.slurm
HELD = "+hydra.launcher.additional.hold=true"


def test_edited_files_and_a_killed_shell_change_nothing_that_is_queued(cluster, tmp_path):
    checkout = tmp_path / "checkout"
    for name in ("src", "configs"):
        shutil.copytree(ROOT / name, checkout / name)
    shutil.copy(ROOT / "train.py", checkout)
    sweep = Sweep(tmp_path / "sweep", *POINT, "epochs=2", "name='a, b \"ü\" 漢'")
    words = [*sweep.arguments, "hydra/launcher=slurm", HELD, "hydra.launcher.wait=true"]
    shell = subprocess.Popen(
        [sys.executable, "train.py", *words],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
    )
    (folder,) = until(lambda: [*sweep.folder.glob("runs/*/submission.json")])
    folder = folder.parent
    shell.send_signal(signal.SIGKILL)  # while it waits, or is about to
    (checkout / "src/basin/optimizer/sgd.py").write_text("raise RuntimeError('edited')")
    (checkout / "src/basin/__init__.py").write_text("raise RuntimeError('edited')")
    (checkout / "configs/experiment/quickstart.yaml").write_text("edited: true")
    shutil.rmtree(checkout / "src/basin/schedule")
    shell.wait()
    run("scontrol", "release", job(folder))
    until(lambda: (folder / "record.json").exists())
    assert read(folder, "record")["cost"]["epochs"] == 2
    assert (
        "漢" in (folder / "config.yaml").read_text(encoding="utf-8")
        or "\\u6F22" in (folder / "config.yaml").read_text()
    )
    assert "1 done" in sweep.script("status")
    assert sweep.runs == [folder] and "_" not in job(folder)  # a sweep of one is no array


def test_two_sweeps_at_a_time_train_what_they_share_once(sweep, tmp_path):
    one, two = sweep("epochs=2", "seed=0,1"), sweep("epochs=2", "seed=1,2,1")
    two.output = tmp_path / "other"
    drivers = [one.start("hydra.launcher.wait=true", "hydra.launcher.poll_seconds=1")]
    drivers += [two.start("hydra.launcher.wait=true", "hydra.launcher.poll_seconds=1")]
    assert [driver.wait(240) for driver in drivers] == [0, 0], one.text() + two.text()
    folders = [*(tmp_path / "sweep/runs").glob("*/record.json")]
    assert len(folders) == 3
    logs = [*(tmp_path / "sweep/sweeps").glob("*/jobs/*log.out")]
    assert len(logs) == 3 and not any("is finished" in log.read_text() for log in logs)
    again = one.submit()
    assert "2 points: 2 done" in again
    assert len([*(tmp_path / "sweep/sweeps").glob("*/jobs/*log.out")]) == 3
    assert "(n=3, test)" in summary_of_the_experiment(tmp_path)


def summary_of_the_experiment(tmp_path):
    """Of both sweeps; what they share stands once."""
    command = [sys.executable, "scripts/summarise.py", "quickstart", "--parquet"]
    command += ["--sweeps", str(tmp_path / "sweep/sweeps"), "--output", str(tmp_path / "table.csv")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_thousand_points(cluster, tmp_path):
    """Submitted in arrays of this cluster's 401, shown, and cancelled, each fast enough."""
    words = [*POINT, "epochs=2", "lr=range(1,101)", "seed=range(10)"]
    sweep = Sweep(tmp_path / "sweep", *words)
    began = time.monotonic()
    assert "1000 points: 1000 queued" in sweep.submit(HELD)
    submitted = time.monotonic()
    assert "1000 points: 1000 queued" in sweep.script("status")
    shown = time.monotonic()
    print(f"submitted in {submitted - began:.1f} s, shown in {shown - submitted:.1f} s")
    sizes = [int(run("squeue", "-h", "-r", "-o", "%i", "-j", j).count("\n")) for j in arrays(sweep)]
    assert sorted(sizes) == [198, 401, 401]
    assert "cancelled 1 jobs" in sweep.script("cancel", "3")
    assert "cancelled 999 jobs" in sweep.script("cancel")
    until(lambda: "1000 failed" in sweep.script("status"))
    assert submitted - began < 60 and shown - submitted < 3


def arrays(sweep):
    return {job(folder).partition("_")[0] for folder in sweep.runs}


def test_slurmctld_is_down_at_submission_and_while_waiting(sweep):
    one = sweep("epochs=2", "seed=0,1")
    run("scontrol", "shutdown", "slurmctld", check=False)
    until(lambda: "DOWN" in run("scontrol", "ping", check=False))
    text = one.submit(code=1)
    assert "sbatch failed" in text and "the same command queues" in text
    assert "not submitted" in one.script("status")
    run(str(HERE / "cluster.sh"), "start")
    driver = one.start("hydra.launcher.wait=true", "hydra.launcher.poll_seconds=1", HELD)
    until(lambda: "2 queued" in one.text().partition("sweep folder")[2])
    run("scontrol", "shutdown", "slurmctld", check=False)
    until(lambda: "SLURM does not answer, still waiting" in one.text())
    run(str(HERE / "cluster.sh"), "start")
    for folder in one.runs:
        run("scontrol", "release", job(folder))
    assert driver.wait(240) == 0, one.text()
    assert "2 done" in one.script("status")


def test_ctrl_c_ends_the_wait_and_not_the_jobs(sweep):
    one = sweep("epochs=2")
    driver = one.start("hydra.launcher.wait=true", HELD)
    until(lambda: "1 queued" in one.text().partition("sweep folder")[2])
    driver.kill(signal.SIGINT)
    assert driver.wait(60) == 130 and "go on without you" in one.text()
    run("scontrol", "release", job(one.runs[0]))
    one.finished()


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm"])
def test_hydra_s_own_launchers_run_points(launcher, cluster, tmp_path):
    one = Sweep(tmp_path, *POINT, "epochs=2", "seed=0,1", f"hydra/launcher={launcher}")
    run(sys.executable, str(ROOT / "train.py"), *one.arguments)
    records = [*tmp_path.glob("runs/*/record.json")]
    assert {json.loads(path.read_text())["seed"] for path in records} == {0, 1}


def test_two_processes_are_one_run_and_come_back_together(sweep):
    """gloo, of one srun; a signal to the job reaches both."""
    one = sweep("epochs=10")
    one.submit("hydra.launcher.tasks_per_node=2")
    (folder,) = one.runs
    until(lambda: epochs(folder))
    run("scancel", "--signal=USR2", job(folder))
    one.finished()
    assert restarts(job(folder)) == 1 and one.log(0).count("continuing at epoch") == 1
    record = read(folder, "record")
    assert record["computed"]["ranks"] == 2 and record["exact"]
