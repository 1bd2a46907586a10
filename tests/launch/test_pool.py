"""The pool of processes, with short shell commands in place of runs."""

import os
import signal
import threading
import time

import pytest

from basin.launch.pool import Events, Pool, Slot, Task
from basin.launch.signals import Interrupt

TWO = [Slot("a", {"WHERE": "a"}), Slot("b", {"WHERE": "b"})]


class Heard:
    def __init__(self, tick=lambda: None):
        self.started, self.codes, self.most, self._now = [], {}, 0, 0
        self.events = Events(self._start, self._end, tick)

    def _start(self, number, slot):
        self.started.append((number, slot.name))
        self._now += 1
        self.most = max(self.most, self._now)

    def _end(self, number, code):
        self.codes[number] = code
        self._now -= 1


def shell(tmp_path, *scripts):
    return [
        Task(["sh", "-c", script], {"NUMBER": str(i)}, tmp_path / "logs" / f"{i}.log")
        for i, script in enumerate(scripts)
    ]


def test_every_task_runs_once_on_a_slot_of_its_own_and_the_next_follows(tmp_path):
    heard = Heard()
    scripts = ["echo $NUMBER $WHERE; sleep 0.3", *["echo $NUMBER $WHERE"] * 4]
    with Interrupt() as interrupt:
        Pool(TWO, heard.events).run(shell(tmp_path, *scripts), interrupt)
    assert heard.codes == dict.fromkeys(range(5), 0) and heard.most == 2
    assert heard.started == [(0, "a"), (1, "b"), *((i, heard.started[i][1]) for i in (2, 3, 4))]
    for number, name in heard.started:
        assert (tmp_path / "logs" / f"{number}.log").read_text() == f"{number} {name}\n"


def test_one_that_fails_or_is_killed_leaves_the_rest(tmp_path):
    heard = Heard()
    with Interrupt() as interrupt:
        tasks = shell(tmp_path, "exit 3", "kill -9 $$", "exit 0", "exit 0")
        Pool(TWO, heard.events).run(tasks, interrupt)
    assert heard.codes == {0: 3, 1: -signal.SIGKILL, 2: 0, 3: 0}


def test_a_process_in_the_pool_is_no_rank_of_the_pools_own_job(tmp_path, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.setenv(name, "1")
    with Interrupt() as interrupt:
        tasks = shell(tmp_path, "echo [$RANK$WORLD_SIZE$SLURM_PROCID$SLURM_STEP_NUM_TASKS]")
        Pool(TWO, Heard().events).run(tasks, interrupt)
    assert (tmp_path / "logs" / "0.log").read_text() == "[]\n"


CHECKPOINTS = "trap 'echo written; exit 130' INT; echo ready; while :; do sleep 0.05; done"


def interrupted(tmp_path, *scripts, times):
    """The pool, with SIGINT sent to this process once both of its processes are ready."""
    sent = []

    def tick():
        logs = [tmp_path / "logs" / f"{i}.log" for i in range(2)]
        ready = all(log.exists() and "ready" in log.read_text() for log in logs)
        if ready and len(sent) < times:
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

    heard = Heard(tick)
    with Interrupt() as interrupt:
        Pool(TWO, heard.events).run(shell(tmp_path, *scripts), interrupt)
    return heard


def test_ctrl_c_lets_all_checkpoint_and_starts_no_more(tmp_path):
    heard = interrupted(tmp_path, *[CHECKPOINTS] * 4, times=1)
    assert heard.codes == {0: 130, 1: 130} and len(heard.started) == 2
    for number in (0, 1):
        assert (tmp_path / "logs" / f"{number}.log").read_text() == "ready\nwritten\n"


def test_a_second_ctrl_c_goes_on_to_all_and_ends_the_pool(tmp_path):
    twice = "trap 'n=$((n+1)); [ $n = 2 ] && exit 7' INT; echo ready; while :; do sleep 0.05; done"
    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path, twice, twice, times=2)
