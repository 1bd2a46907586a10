"""Workers with arithmetic in the place of training: what is trained, by whom, and how often."""

import multiprocessing
import signal
import time
from collections import Counter
from math import inf
from pathlib import Path

import optuna
import pytest
from searches import CONTENT, pretend, search, work_and_log, worker

from basin.launch.lock import LostLock, RunningElsewhere
from basin.tune.joining import join
from basin.tune.outcome import found, outcome
from basin.tune.rungs import Trained
from basin.tune.schedulers import Rung
from basin.tune.text import report


def lr_of(words):
    return next(word for word in words if word.startswith("lr="))


@pytest.mark.parametrize("scheduler", ["sha", "asha", "hyperband", "all"])
def test_one_worker_trains_what_the_scheduler_wants(scheduler, tmp_path):
    num = None if scheduler == "hyperband" else 9
    one = worker(search(scheduler=scheduler, configurations=num), tmp_path)
    one.work()
    view = one.board.view()
    assert not view.running and not view.failed and not [*one.rungs.search.plan.wanted(view.scores)]
    trials = one.rungs.studies.configurations.get_trials()
    assert len(trials) == (num or 17)
    assert all(trial.state.is_finished() for trial in trials)
    complete = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert len(complete) == sum(rung.rung == 2 for rung in view.scores)
    for trial in trials:
        number = trial.user_attrs["configuration"]
        own = {r.rung: s for r, s in view.scores.items() if r.configuration == number}
        assert trial.intermediate_values == own


def run_two(tmp_path, storage, die_at=(0, 0), ahead=0):
    """Exit codes of two processes on one study, and how often each rung was begun.

    ahead: rungs that the first has begun when the second is started.
    """
    log = tmp_path / "log"
    log.touch()
    content = {**CONTENT, "scheduler": "all", "configurations": 6}
    shared = worker(search(), tmp_path, storage=storage).rungs.studies
    join(shared, search(**content), ["recipe"], tmp_path)
    context = multiprocessing.get_context("forkserver")
    arguments = [(content, str(tmp_path), storage, str(log), at) for at in die_at]
    processes = [context.Process(target=work_and_log, args=one) for one in arguments]
    for process in processes:
        process.start()
        while len(log.read_text().splitlines()) < ahead and process.is_alive():
            time.sleep(0.01)
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes], Counter(log.read_text().splitlines())


@pytest.mark.parametrize("storage", [None, pytest.param("sqlite", marks=pytest.mark.slow)])
def test_two_workers_never_do_the_same_rung_twice(storage, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db" if storage else None
    codes, begun = run_two(tmp_path, url)
    assert codes == [0, 0]
    assert len(begun) == 18 and set(begun.values()) == {1}
    workers = {
        trial.user_attrs["worker"]
        for trial in worker(search(), tmp_path, storage=url).board.view().done.values()
    }
    assert len(workers) <= 2


def test_a_killed_worker_loses_one_rung(tmp_path):
    codes, begun = run_two(tmp_path, None, die_at=(3, 0), ahead=2)
    assert codes == [-signal.SIGKILL, 0]
    assert len(begun) == 18 and sorted(begun.values()) == [1] * 17 + [2]
    view = worker(search(), tmp_path).board.view()
    (failed,) = (trial for trials in view.failed.values() for trial in trials)
    assert failed.user_attrs["why"] == "its worker ended" and len(view.scores) == 18


def test_of_several_claims_the_first_counts(tmp_path):
    left, right = worker(search(), tmp_path), worker(search(), tmp_path)
    assert left.board.claim(Rung(0, 0), 0) is not None
    assert right.board.claim(Rung(0, 0), 0) is None
    assert left.board.claim(Rung(0, 1), 0) is not None
    assert len(right.board.view().running) == 2
    own = right.board.view().running[Rung(0, 0)]
    left.board.fail(own, why="stopped", given_back=True)
    assert right.board.claim(Rung(0, 0), 1) is not None
    assert not left.board.finish(own, 1.0, {})  # it was declared gone, and says nothing any more
    assert Rung(0, 0) not in left.board.view().scores


def test_what_fails_is_tried_again_and_then_given_up(tmp_path):
    """The rest of the search goes on."""
    tried = Counter()

    def train(words):
        tried[lr_of(words)] += 1
        if lr_of(words) == unlucky:
            raise RuntimeError("out of memory")
        return pretend(words)

    one = worker(search(), tmp_path, train)
    unlucky = lr_of(one.rungs.search.words(one.rungs.drawn(4).params, 4, 0))
    one.work()
    view = one.board.view()
    assert tried[unlucky] == 2 and view.scores[Rung(4, 0)] == inf
    assert "2 attempts: RuntimeError: out of memory" in view.done[Rung(4, 0)].user_attrs["note"]
    assert len(view.scores) == 13


def test_a_signal_gives_the_rung_back(tmp_path):
    class Signal(BaseException):
        pass

    def stopped(words):
        raise Signal

    for _ in range(3):  # more often than there are attempts
        with pytest.raises(Signal):
            worker(search(), tmp_path, stopped).work()
    one = worker(search(), tmp_path)
    one.work()
    assert len(one.board.view().scores) == 13 and inf not in one.board.view().scores.values()


class Holder:
    described = "another"


class Clock:
    """Time goes by where a worker sleeps, and only there."""

    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("error", [RunningElsewhere(Path("run"), Holder()), LostLock("taken over")])
def test_a_run_that_another_process_has_waits_and_the_others_go_on(error, tmp_path, monkeypatch):
    monkeypatch.setattr("basin.tune.worker.time", Clock())
    order, refused = [], [3]

    def train(words):
        order.append(lr_of(words))
        if order[-1] == order[0] and refused[0]:
            refused[0] -= 1
            raise error
        return pretend(words)

    one = worker(search(), tmp_path, train)
    one.work()
    view = one.board.view()
    assert len(view.scores) == 13 and not refused[0] and inf not in view.scores.values()
    assert len(set(order[:9])) == 9  # not asked for again before the others were trained
    assert not view.counted(Rung(0, 0)) and len(view.failed[Rung(0, 0)]) == 3


def test_workers_of_one_study_share_its_folder(tmp_path):
    """Else each would take the others, whose locks it cannot see, for dead."""
    url = f"sqlite:///{tmp_path}/study.db"
    here, there = (worker(search(), tmp_path / name, storage=url) for name in ("here", "there"))
    join(here.rungs.studies, search(), ["recipe"], here.folder)
    join(here.rungs.studies, search(), ["recipe"], here.folder)
    with pytest.raises(ValueError, match=r"there is not the folder in which study=study was begun"):
        join(there.rungs.studies, search(), ["recipe"], there.folder)
    assert not (tmp_path / "there" / "study.id").exists()


def test_what_diverged_is_never_trained_again(tmp_path):
    trained = []

    def train(words):
        trained.append(words)
        return Trained(inf, 1.0, 1.0, "run")

    one = worker(search(), tmp_path, train)
    one.work()
    assert len(trained) == 9 and set(one.board.view().scores.values()) == {inf}
    content = outcome(found_with_search(one), None)
    assert content["budget"]["epochs"] == 9 and content["rungs"][0]["diverged"] == 9
    assert content["budget"]["planned_epochs"] == 9 + 3 * 2 + 6
    assert content["budget"]["untrained_rungs"] == 3 + 1
    assert "or were given up: 4." in report(content)
    assert "Selected: none" in report(content)


def found_with_search(one):
    join(one.rungs.studies, one.rungs.search, ["recipe"], one.folder)
    return found(one.rungs.studies)


def test_a_refused_configuration_ends_the_worker_by_name(tmp_path):
    def train(words):
        raise ValueError("batch_size=0")

    message = r"configuration 0 \(lr=0.*nesterov=.*\) is refused: batch_size=0"
    with pytest.raises(ValueError, match=message):
        worker(search(), tmp_path, train).work()


def test_modes_draw_the_same_and_cost_the_same(tmp_path):
    outcomes = []
    for mode in ("per_rung_restart", "truncated_full"):
        one = worker(search(mode=mode), tmp_path / mode)
        one.work()
        outcomes.append(outcome(found_with_search(one), None))
    left, right = outcomes
    assert left["budget"] == right["budget"] and left["budget"]["epochs"] == 21
    assert left["budget"]["planned_epochs"] == 21
    pairs = zip(left["configurations"], right["configurations"], strict=True)
    assert all(a["params"] == b["params"] for a, b in pairs)


def test_the_order_of_workers_does_not_change_what_random_draws(tmp_path):
    left, right = worker(search(), tmp_path / "a"), worker(search(), tmp_path / "b")
    forth = [left.rungs.drawn(n).params for n in range(5)]
    back = [right.rungs.drawn(n).params for n in reversed(range(5))]
    assert forth == back[::-1] and len({one["lr"] for one in forth}) == 5


def test_tpe_learns_from_rungs_that_wait(tmp_path):
    """Low rates are bad here: after its random start TPE draws higher ones than chance does."""
    drawn = {}
    for sampler in ("random", "tpe"):
        one = worker(
            search(sampler=sampler, scheduler="asha", configurations=18), tmp_path / sampler
        )
        one.work()
        trials = one.rungs.studies.configurations.get_trials()
        drawn[sampler] = [t.params["lr"] for t in trials if t.user_attrs["configuration"] >= 6]
    assert sorted(drawn["tpe"])[len(drawn["tpe"]) // 2] > 2 * sorted(drawn["random"])[6]


def test_a_study_is_not_joined_by_another_search(tmp_path):
    one = worker(search(), tmp_path)
    join(one.rungs.studies, one.rungs.search, ["recipe"], one.folder)
    join(one.rungs.studies, search(), ["recipe"], tmp_path)
    with pytest.raises(ValueError, match=r"seed: 0 -> 1.*give study=NAME"):
        join(one.rungs.studies, search(seed=1), ["recipe"], tmp_path)
    with pytest.raises(ValueError, match="was changed since"):
        join(one.rungs.studies, search(), ["another"], tmp_path)
