import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from basin.launch.holder import parse, this_process
from basin.launch.lock import RunLock, RunningElsewhere

HOLD = """
import pathlib, sys, time
from basin.launch.lock import RunLock, RunningElsewhere
folder = pathlib.Path(sys.argv[1])
print("ready", flush=True)
if len(sys.argv) > 2:
    while not pathlib.Path(sys.argv[2]).exists():
        pass
try:
    with RunLock(folder, print):
        print("held", flush=True)
        sys.stdin.read()
except RunningElsewhere:
    print("refused", flush=True)
"""


class Time:
    """A clock that only sleeping moves; `then` happens at each sleep."""

    def __init__(self, then=lambda: None):
        self.now, self.then = 0.0, then

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.then()


def start(folder, *arguments):
    command = [sys.executable, "-c", HOLD, str(folder), *map(str, arguments)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def held(process):
    for line in process.stdout:
        if line.strip() in ("held", "refused"):
            return line.strip() == "held"
    raise AssertionError("the process ended without a word")


@pytest.fixture
def other(tmp_path):
    """A process that holds tmp_path."""
    with start(tmp_path) as process:
        assert held(process)
        yield process
        process.kill()


def elsewhere(**changes):
    return replace(this_process(), host="elsewhere", **changes)


def lock(folder, notices=None, then=lambda: None, **settings):
    fake = Time(then)
    notice = (lambda text: None) if notices is None else notices.append
    return fake, RunLock(folder, notice, clock=fake.clock, sleep=fake.sleep, **settings)


@pytest.fixture
def squeue(tmp_path_factory, monkeypatch):
    """Puts a squeue on PATH that answers as told."""
    folder = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(script):
        (folder / "squeue").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "squeue").chmod(0o755)

    return install


def test_the_second_process_is_refused_and_told_of_the_first(tmp_path, other):
    with pytest.raises(RunningElsewhere) as caught, RunLock(tmp_path, print):
        pass
    holder = parse((tmp_path / "lock.json").read_bytes())
    assert holder.pid == other.pid
    for part in (f"process {other.pid} ", f" on {holder.host} ", holder.since, str(tmp_path)):
        assert part in str(caught.value)


def test_a_second_lock_of_the_same_process_is_refused(tmp_path):
    with (
        RunLock(tmp_path, print),
        pytest.raises(RunningElsewhere),
        RunLock(tmp_path, print),
    ):
        pass


def test_released_at_the_end_and_after_an_error(tmp_path):
    for error in (None, ValueError):
        try:
            with RunLock(tmp_path, print):
                assert (tmp_path / "lock.json").exists()
                if error:
                    raise error
        except ValueError:
            pass
        assert not (tmp_path / "lock.json").exists()


def test_a_killed_process_is_taken_over_at_once_even_as_a_zombie(tmp_path, other):
    other.kill()
    deadline = time.monotonic() + 10
    while "Z" not in state(other.pid):  # not waited for: it stays a zombie
        assert time.monotonic() < deadline
    notices = []
    fake, mine = lock(tmp_path, notices)
    with mine:
        assert mine.is_mine()
    assert fake.now == 0
    assert len(notices) == 1
    assert f"over from process {other.pid} on " in notices[0]


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_later_process_of_the_same_pid_is_not_the_holder(tmp_path):
    me = this_process()
    (tmp_path / "lock.json").write_bytes(replace(me, start=me.start - 1, token="t").to_bytes())
    fake, mine = lock(tmp_path)
    with mine:
        assert mine.is_mine()
    assert fake.now == 0


def test_one_of_eight_takes_over_from_the_dead(tmp_path, other):
    go = tmp_path / "go"
    eight = [start(tmp_path, go) for _ in range(8)]
    assert all(process.stdout.readline() == "ready\n" for process in eight)
    other.kill()
    other.wait()
    go.touch()
    assert sum(held(process) for process in eight) == 1
    for process in eight:
        process.communicate("")
        assert process.returncode == 0
    assert not (tmp_path / "lock.json").exists()


def test_another_host_is_waited_for_until_its_heartbeat_stood_still(tmp_path):
    (tmp_path / "lock.json").write_bytes(elsewhere(slurm_job=None).to_bytes())
    notices = []
    fake, mine = lock(tmp_path, notices)
    with mine:
        assert 60 <= fake.now < 62
    assert "waiting 60 s" in notices[0]


def test_another_host_whose_heart_beats_refuses_at_once(tmp_path):
    holder = elsewhere(slurm_job="4711", slurm_array="4700_3")
    (tmp_path / "lock.json").write_bytes(holder.to_bytes())

    def beat():
        if fake.now >= 7:
            (tmp_path / "lock.json").write_bytes(replace(holder, beats=1).to_bytes())

    fake, mine = lock(tmp_path, then=beat)
    with pytest.raises(RunningElsewhere, match=r"on elsewhere .*SLURM job 4700_3"), mine:
        pass
    assert 7 <= fake.now < 9


def test_another_container_of_this_host_name_is_another_host(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    holder = replace(this_process(), namespace="pid:[1]", pid=gone.pid)
    (tmp_path / "lock.json").write_bytes(holder.to_bytes())
    fake, mine = lock(tmp_path)
    with mine:
        assert fake.now >= 60


def test_a_torn_lock_file_is_waited_for(tmp_path):
    (tmp_path / "lock.json").write_bytes(this_process().to_bytes()[:40])
    fake, mine = lock(tmp_path)
    with mine:
        assert fake.now >= 60
        assert mine.is_mine()


def test_a_lock_released_while_waiting_is_free(tmp_path):
    (tmp_path / "lock.json").write_bytes(elsewhere(slurm_job=None).to_bytes())
    fake, mine = lock(tmp_path, then=lambda: (tmp_path / "lock.json").unlink(missing_ok=True))
    with mine:
        assert fake.now < 2


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        ('[ "$*" = "-h -j 4711 -o %T" ] || exit 3', False),  # no such job any more
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", False),
        ("echo CANCELLED; echo PENDING", False),
        ("echo COMPLETED; echo RUNNING", True),
        ("echo COMPLETING", True),
        ("echo 'Unable to contact slurm controller' >&2; exit 1", True),
        ("echo COMPLETED; kill -9 $$", True),
    ],
)
def test_slurm_knows_when_the_job_of_another_host_has_ended(tmp_path, squeue, answer, waits):
    squeue(answer)
    (tmp_path / "lock.json").write_bytes(elsewhere(slurm_job="4711").to_bytes())
    fake, mine = lock(tmp_path)
    with mine:
        assert (fake.now >= 60) == waits


def test_another_cluster_has_other_jobs(tmp_path, squeue, monkeypatch):
    squeue("exit 0")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "here")
    holder = elsewhere(slurm_job="4711", slurm_cluster="there")
    (tmp_path / "lock.json").write_bytes(holder.to_bytes())
    fake, mine = lock(tmp_path)
    with mine:
        assert fake.now >= 60


@pytest.mark.parametrize(("restarts", "waits"), [("0", True), ("1", False)])
def test_a_requeued_job_takes_over_from_itself(tmp_path, squeue, monkeypatch, restarts, waits):
    squeue("echo RUNNING")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    (tmp_path / "lock.json").write_bytes(elsewhere().to_bytes())
    monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
    fake, mine = lock(tmp_path)
    with mine:
        assert (fake.now >= 60) == waits


def test_the_heart_beats_and_notices_a_lost_lock(tmp_path):
    file = tmp_path / "lock.json"
    with RunLock(tmp_path, print, interval=0.02) as mine:
        until(lambda: json.loads(file.read_text())["beats"] >= 2)
        assert not mine.lost
        file.write_bytes(elsewhere().to_bytes())
        until(lambda: mine.lost)
        assert not mine.is_mine()
    assert parse(file.read_bytes()).host == "elsewhere"  # not removed: it is another's


@pytest.mark.parametrize("gone", ["file", "folder"])
def test_a_lock_that_was_removed_is_lost(tmp_path, gone):
    folder = tmp_path / "run"
    with RunLock(folder, print, interval=0.02) as mine:
        (folder / "lock.json").rename(tmp_path / "lock.json")
        if gone == "folder":
            folder.rename(tmp_path / "moved")
        until(lambda: mine.lost)


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_lock_names_what_the_issue_asks(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "10")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    with RunLock(tmp_path, print):
        entries = json.loads((tmp_path / "lock.json").read_text())
    assert entries["pid"] == os.getpid()
    assert entries["start"] > 0
    assert entries["host"] == os.uname().nodename
    assert (entries["slurm_job"], entries["slurm_array"]) == ("12", "10_2")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", entries["since"])
