import pytest
from searches import search

from basin.tune.space import space_of, words


def test_kinds_and_their_overrides():
    space = space_of(
        {
            "lr": {"type": "log", "low": 0.01, "high": 1},
            "optimizer.momentum": {"type": "float", "low": 0.5, "high": 0.9},
            "batch_size": {"type": "int", "low": 16, "high": 64},
            "optimizer": {"type": "categorical", "choices": ["sgd", "sam", None, True]},
        }
    )
    assert space["lr"].log and not space["optimizer.momentum"].log
    assert (space["batch_size"].low, space["batch_size"].high) == (16, 64)
    drawn = {"lr": 0.1 + 0.2, "batch_size": 32, "nesterov": False, "clip": None, "optimizer": "sam"}
    expected = ["lr=0.30000000000000004", "batch_size=32", "nesterov=false", "clip=null"]
    assert words(drawn) == [*expected, "optimizer=sam"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "logg", "low": 1, "high": 2}, "did you mean log"),
        (0.1, "space.lr.type=None is not one of"),
        ({"type": [1]}, r"space.lr.type=\[1\] is not one of"),
        ({"type": "float", "low": 1, "high": 2, 3: 4, "step": 1}, "has no 3, step"),
        ({"type": "float", "low": 1}, "lacks high"),
        ({"type": "float", "low": 1, "high": 2, "log": True}, "has no log"),
        ({"type": "float", "low": 2, "high": 1}, "low=2 is not below high=1"),
        ({"type": "log", "low": 0.0, "high": 1}, "is not above 0"),
        ({"type": "log", "low": "1e-4", "high": 1}, "write 1.0e-4"),
        ({"type": "float", "low": 0, "high": float("inf")}, "space.lr.high=inf is not a number"),
        ({"type": "int", "low": 1, "high": 2.5}, "space.lr.high=2.5 is not a whole number"),
        ({"type": "categorical", "choices": [1]}, "two or more"),
        ({"type": "categorical", "choices": [1, [2]]}, "neither a number, a word nor null"),
        ({"type": "categorical", "choices": [1, 1]}, "stands there twice"),
    ],
)
def test_what_is_wrong_with_a_space_is_said(entry, message):
    with pytest.raises(ValueError, match=message):
        search(space={"lr": entry})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {}}, "space={} is not a mapping of one or more fields"),
        ({"space": 3}, "space=3 is not a mapping of one or more fields"),
        ({"overrides": "abc"}, "overrides='abc' is not a list of words of train.py"),
        ({"overrides": None}, "overrides=None is not a list of words of train.py"),
        ({"overrides": ["lr=1", 2]}, r"overrides=\['lr=1', 2\] is not a list of words"),
        ({"first": "abc"}, "first='abc' is not a finite number"),
        ({"first": True}, "first=True is not a finite number"),
        ({"epochs": None}, "epochs=None is not a finite number"),
        ({"epochs": float("inf")}, "epochs=inf is not a finite number"),
        ({"cycle_factor": "5e-1"}, "cycle_factor='5e-1' is not a finite number.*write 1.0e-1"),
        (
            {"mode": "compressed_periodic", "period": "abc"},
            "period='abc' is not a finite number, or null",
        ),
        ({"overrides": ["lr=1"]}, "lr is in overrides and in space"),
        ({"overrides": ["epochs=3"]}, "epochs is the search's own"),
        ({"overrides": ["+stages.swa.epochs=3"]}, "stages.swa.epochs is the search's own"),
        (
            {"mode": "compressed_periodic", "overrides": ["schedule=cosine"]},
            "schedule is the search's own to set",
        ),
        ({"scheduler": "halving"}, "scheduler=halving is not one of sha"),
        ({"mode": "restart"}, "mode=restart is not one of per_rung_restart"),
        ({"momentum": "drop"}, "momentum=drop is not one of keep, fresh"),
        ({"cycle_factor": 0.0}, "is not in"),
        (
            {"cycle_factor": 0.5, "space": {"decay": {"type": "int", "low": 1, "high": 2}}},
            "needs lr",
        ),
        ({"period": 0}, "period=0"),
        ({"first": 2}, "epochs=9 is no power of eta=3 above it; first may be 1, 3"),
        ({"first": 9}, "first=9 is not between"),
        ({"eta": 1}, "eta=1 is not a whole number"),
        ({"configurations": 8}, "none would reach the last of 3 rungs; give 9 or more"),
        ({"configurations": None}, "configurations=None is not a whole number"),
        ({"scheduler": "hyperband"}, "configurations=9: scheduler=hyperband takes"),
        ({"sampler": "grid"}, "sampler=grid is not one of random, tpe"),
        ({"attempts": 0}, "attempts=0"),
        ({"sampels": 3}, "sampels is not a field of a search; did you mean sampler"),
    ],
)
def test_what_is_wrong_with_a_search_is_said(changes, message):
    with pytest.raises(ValueError, match=message):
        search(**changes)
