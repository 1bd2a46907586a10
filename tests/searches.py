"""Searches in small, and a worker whose training is arithmetic."""

import os
from pathlib import Path

import optuna

from basin.tune.board import Board
from basin.tune.opening import open_storage
from basin.tune.rungs import Rungs, Trained
from basin.tune.search import search_of
from basin.tune.storage import studies
from basin.tune.worker import Worker
from basin.tune.workers import new_name

CONTENT = {
    "overrides": ["experiment=quickstart", "dataset.validation=100"],
    "space": {
        "lr": {"type": "log", "low": 0.01, "high": 1.0},
        "optimizer.nesterov": {"type": "categorical", "choices": [True, False]},
    },
    "scheduler": "sha",
    "eta": 3,
    "configurations": 9,
    "first": 1,
    "epochs": 9,
    "mode": "per_rung_restart",
    "momentum": "keep",
    "cycle_factor": 1.0,
    "period": None,
    "sampler": "random",
    "startup": 3,
    "seed": 0,
    "attempts": 2,
}


def search(**changes):
    return search_of({**CONTENT, **changes})


def stage_lengths(words):
    """Epochs of every stage that the overrides of a rung name."""
    lengths = [w.split("epochs:")[1].split(",")[0].rstrip("}") for w in words if "stages." in w]
    return [float(length) for length in lengths or [words[-1].removeprefix("epochs=")]]


def pretend(words):
    """A score that falls with epochs, the faster the higher lr is."""
    (lr,) = (float(word.removeprefix("lr=")) for word in words if word.startswith("lr="))
    epochs = sum(stage_lengths(words))
    return Trained(100 / (1 + lr * epochs), epochs, epochs, "run")


def worker(one, folder: Path, train=pretend, storage=None, name="study"):
    shared = studies(open_storage(storage, folder), name)
    board = Board(shared.storage, shared.rungs, new_name())
    rungs = Rungs(one, shared, train)
    return Worker(rungs, board, folder, tell=lambda text: None, poll=0.02, elsewhere=0.05)


def work_and_log(content, folder, storage, log, die_at):
    """For a process of its own: a line in `log` for each rung that is begun."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    begun = [0]

    def train(words):
        made = pretend(words)
        with Path(log).open("a") as file:
            file.write(f"{next(w for w in words if w.startswith('lr='))} {made.epochs:g}\n")
        begun[0] += 1
        if begun[0] == die_at:
            os.kill(os.getpid(), 9)
        return made

    worker(search_of(content), Path(folder), train, storage).work()
