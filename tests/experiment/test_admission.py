"""Cells that no run can fill are refused, with what would be right."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from basin.experiment.admission import admit, solutions
from basin.experiment.recipes import Recipes, composed, composing, recipe_of
from basin.report.paper.forms import Cell, Delta, Reported, Table

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
REPORTED = Reported(value=99.0, tag="T")
CELL = Cell(row="r", column="c", experiment="quickstart", seeds=(0,), delta=Delta(1.0, "a test"))
NESTED = ("dataset=label_noise", "dataset@dataset.base=digits", "dataset.base.validation=100")
SWA = ("averaging=swa", "averaging.swa.start=5")


@pytest.fixture(scope="module", autouse=True)
def hydra():
    with composing(CONFIGS):
        yield


compose = cache(composed)


def check(**changes):
    scaled_down = changes.pop("scaled_down", False)
    cell = replace(CELL, **changes)
    table = Table(
        **{"name": "t", "description": "d", "paper": "p", "title": "t", "source": "s"},
        **{"rows": "", "cells": (cell,), "scaled_down": scaled_down},
    )
    admit(table, cell, CONFIGS, compose)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epoch": 12.0, "reported": REPORTED},
        {"overrides": SWA, "solution": "swa", "epoch": 5.0},
        {"overrides": ("optimizer=lookahead",), "solution": "slow"},
        {"overrides": ("epochs=46 steps",), "epoch": 2.0},
        {"overrides": ("dataset.validation=100",), "part": "validation", "epoch": "best"},
        {"overrides": NESTED, "part": "validation", "epoch": "best"},
        {"experiment": None, "out_of_scope": "translation and language modelling"},
        {"experiment": None, "without_run": "unknown schedule"},
        {"inferred": ("optimizer.momentum", "schedule.lr.floor")},
    ],
)
def test_cells_that_can_be_filled(changes):
    check(**changes)


MISTAKES = {
    "has no solution swa; it has last": {"solution": "swa"},
    "epoch=13 is not a moment at which quickstart evaluates: 12.0 epochs, every 1.0": {
        "epoch": 13.0
    },
    "epoch=1.5 is not a moment": {"epoch": 1.5},
    "epoch=4 is before swa begins (5)": {"overrides": SWA, "solution": "swa", "epoch": 4.0},
    "part=validation, but quickstart holds none out": {"part": "validation"},
    "overrides may not set seed": {"overrides": ("seed=1",)},
    "overrides may not set device": {"overrides": ("device=cpu",)},
    "inferred key optimizer.beta is not in": {"inferred": ("optimizer.beta",)},
    "quickstart is no mini, and the table says scaled_down=true": {"scaled_down": True},
    "out_of_scope=poetry is not left out by scope.md": {
        **{"experiment": None, "out_of_scope": "poetry"}
    },
    "lr and optimizer.lr are both given": {"overrides": ("lr=1", "optimizer.lr=1")},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_cells_that_cannot(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check(**MISTAKES[message])


def test_an_optimizers_own_solutions_are_known():
    made = compose(("experiment=quickstart", "optimizer=replicated_sgd", *SWA))
    assert solutions(made) == ["last", "swa", "replicas", "centre"]


def test_a_length_in_steps_needs_the_data_and_no_table_does(tmp_path):
    words = ("experiment=quickstart", "epochs=500 steps", "dataset=image_folder")
    recipe = recipe_of(compose((*words, f"dataset.root={tmp_path}")))
    assert recipe.epochs is None and recipe.evaluates(100.0)
    assert recipe_of(compose(words[:2])).epochs == pytest.approx(21.7, abs=0.1)


def test_what_does_not_compose_names_the_cell(tmp_path):
    recipes = Recipes(CONFIGS, tmp_path / "recipes.json")
    with pytest.raises(ValueError, match="r / c: there is no configs/experiment/none.yaml"):
        recipes(replace(CELL, experiment="none"))
    with pytest.raises(ValueError, match=r"(?s)r / c: .*sgdd.*sgdw"):
        recipes(replace(CELL, overrides=("optimizer=sgdd",)))


def test_recipes_are_kept_until_a_configuration_changes(tmp_path, monkeypatch):
    cache_file = tmp_path / "recipes.json"
    first = Recipes(CONFIGS, cache_file)
    made = first(CELL).recipe
    assert (made.epochs, made.evaluate_every, made.dataset) == (12, 1, "digits")
    first.save()
    monkeypatch.setattr("basin.experiment.recipes.composed", None)  # it would fail
    assert Recipes(CONFIGS, cache_file)(CELL).recipe == made
    monkeypatch.setattr("basin.experiment.recipes.NUMERICS", -1)
    with pytest.raises(ValueError, match="not callable"):
        Recipes(CONFIGS, cache_file)(CELL)
