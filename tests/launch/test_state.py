"""status.json held against what SLURM says."""

import json
import os
from subprocess import CompletedProcess

import pytest

from basin.launch import slurm
from basin.launch.overview import overview
from basin.launch.slurm import Queue
from basin.launch.state import look
from basin.launch.status import Status
from basin.launch.submission import Submission, read_submission
from basin.launch.table import Row, Table, read_table
from basin.launch.wait import wait


class Slurm:
    """squeue, sacct and scontrol, as far as they are asked; `up` false: no answer."""

    def __init__(self):
        self.queue, self.accounting, self.up = {}, None, True

    def __call__(self, command, *arguments):
        if not self.up:
            return CompletedProcess(command, 1, "", "Unable to contact slurm controller")
        if command == "squeue":
            lines = [f"{job}|{job}|{state}|None" for job, state in self.queue.items()]
            return CompletedProcess(command, 0, "\n".join(lines), "")
        if command == "sacct" and self.accounting is not None:
            lines = [f"{job}|{job}|{state}" for job, state in self.accounting.items()]
            return CompletedProcess(command, 0, "\n".join(lines), "")
        return None


@pytest.fixture
def cluster(monkeypatch):
    cluster = Slurm()
    monkeypatch.setattr(slurm, "_ask", cluster)
    return cluster


def run(folder, state, job="7", own="7"):
    """A run folder: what its status says, the job that it was given, the job that it is in."""
    folder.mkdir(exist_ok=True)
    os.environ.pop("SLURM_JOB_ID", None)
    if state:
        status = Status(folder)
        status._entries["slurm_job"] = own
        status.write(state, epoch=1.0, epochs=4.0, score="error 5.00 %", seconds_left=3700)
    if job:
        Submission(launcher="slurm", job=job, log="log", sweep="s", snapshot=None).write(folder)
    return folder


@pytest.mark.parametrize(
    ("said", "queue", "expected"),
    [
        ("queued", "PENDING", ("queued", True)),
        ("queued", "RUNNING", ("queued", True)),
        ("queued", "FAILED", ("failed", False)),
        ("queued", "CANCELLED", ("failed", False)),
        ("running", "RUNNING", ("running", True)),
        ("running", "COMPLETING", ("running", True)),
        ("running", "PENDING", ("preempted", True)),
        ("running", "NODE_FAIL", ("failed", False)),
        ("running", "OUT_OF_MEMORY", ("failed", False)),
        ("running", None, ("failed", False)),
        ("preempted", "PENDING", ("preempted", True)),
        ("preempted", "RUNNING", ("preempted", True)),
        ("preempted", "CANCELLED", ("preempted", False)),
        ("failed", "RUNNING", ("failed", False)),
    ],
)
def test_a_job_s_state_decides(said, queue, expected, cluster, tmp_path):
    cluster.queue = {"7": queue} if queue else {}
    (now,) = look([run(tmp_path, said)])
    assert (now.state, now.live) == expected
    cluster.up = False  # nothing has ended then, unless the run said so itself
    (now,) = look([run(tmp_path, said)])
    assert (now.state, now.live) == ((said, said != "failed"))
    (tmp_path / "record.json").write_text("{}")
    assert look([tmp_path])[0].state == ("queued" if said == "queued" else "done")


def test_accounting_knows_what_squeue_forgot(cluster, tmp_path):
    cluster.accounting = {"7": "CANCELLED by 0"}
    (now,) = look([run(tmp_path, "running")])
    assert now.state == "failed" and "CANCELLED" in now.note
    cluster.accounting = None
    assert "GONE" in look([tmp_path])[0].note
    assert Queue(["7_3", "7_4"])["7_3"].ended


def test_without_sacct_what_squeue_forgot_has_ended(tmp_path, monkeypatch):
    """Neither where there is no such program, nor where accounting is off."""
    for name in ("squeue", "sacct"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n[ ${0##*/} = squeue ] || exit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert Queue(["7"])["7"].state == "GONE"
    (tmp_path / "sacct").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "squeue").write_text("#!/bin/sh\n")
    assert Queue(["7"])["7"].state == "GONE"
    (tmp_path / "squeue").unlink()
    assert Queue(["7"])["7"] is None


def test_who_runs_counts_before_who_was_given_the_run(cluster, tmp_path):
    cluster.queue = {"7": "COMPLETED", "9": "RUNNING"}
    (now,) = look([run(tmp_path, "running", job="7", own="9")])
    assert (now.state, now.live) == ("running", True)
    (now,) = look([run(tmp_path, "queued", job="9", own="7")])
    assert (now.state, now.live) == ("queued", True)


def test_without_a_job_the_process_decides(cluster, tmp_path):
    from basin.launch.holder import this_process

    assert look([tmp_path / "none"])[0].note == "not submitted"
    run(tmp_path, "running", job=None, own=None)
    assert look([tmp_path])[0].state == "failed"
    (tmp_path / "lock.json").write_bytes(this_process().to_bytes())
    assert look([tmp_path])[0].live
    assert not look([run(tmp_path, "preempted", job=None, own=None)])[0].live


@pytest.mark.parametrize("said", ["queued", "running"])
def test_a_job_that_left_the_run_to_another_process_has_not_failed(said, cluster, tmp_path):
    from basin.launch.lock import RunLock

    cluster.queue = {"7": "COMPLETED"}
    run(tmp_path, said, own=None)
    with RunLock(tmp_path, print):
        (now,) = look([tmp_path])
        assert (now.state, now.live) == ("running elsewhere", True) and "process" in now.note
    assert look([tmp_path])[0].state == "failed"


def test_waiting_outlasts_slurm_s_silence_and_looks_twice(cluster, tmp_path):
    a, b = run(tmp_path / "a", "running"), run(tmp_path / "b", "running", "8", "8")
    cluster.queue = {"7": "RUNNING", "8": "RUNNING"}
    said, moments = [], iter(range(100))

    def sleep(seconds):
        moment = next(moments)
        cluster.up = moment != 1
        if moment == 3:
            (a / "record.json").write_text("{}")
            cluster.queue = {"7": "COMPLETED", "8": "FAILED"}
        if moment == 4:  # the file of a job that ended was late
            cluster.queue["8"] = "COMPLETED"
            run(b, "done", "8", "8")
            (b / "record.json").write_text("{}")

    states = wait([a, b], seconds=1, notice=said.append, sleep=sleep)
    assert [now.state for now in states] == ["done", "done"]
    assert "2 running; SLURM does not answer, still waiting" in said


def test_the_table_of_a_sweep_keeps_its_rows_and_is_shown(cluster, tmp_path):
    cluster.queue = {"7": "RUNNING"}
    run(tmp_path / "a", "running"), run(tmp_path / "b", None, None)
    rows = [Row(words=["x"], label=n, folder=str(tmp_path / n)) for n in ("a", "b")]
    for row in rows:
        Table(launcher="slurm", parameters={"p": [1]}, rows=[row]).write(tmp_path)
    table = read_table(tmp_path)
    assert table.rows == rows and table.parameters == {"p": [1]}
    text = overview(table.rows, look([tmp_path / "a", tmp_path / "b"]))
    assert "1.0 of 4" in text and "1:01:40" in text and "error 5.00 %" in text
    assert text.endswith("2 points: 1 running, 1 queued")
    assert read_submission(tmp_path / "b") is None
    with pytest.raises(ValueError, match="no sweep"):
        read_table(tmp_path / "a")
    (tmp_path / "sweep.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="newer"):
        read_table(tmp_path)
