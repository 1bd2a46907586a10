"""Records and a table of no runs at all: generated, to measure and test what reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from first_stage import CONFIGS

from basin import NUMERICS
from basin.experiment.recipes import Recipes, composing
from basin.report.paper.forms import Cell
from basin.report.paper.recipe import Recipe, work
from basin.report.paper.records import FORMAT, Record, write_record

DEVICE = "a generated device"


def generate(
    folder: Path, *, cells: int, seeds: int, epochs: int, tables: int = 1, lacking: int = 0
) -> Path:
    """records/ of cells x seeds generated runs and `tables` table files; returns their folder.

    lacking: runs that each cell asks for beyond those.
    """
    named = folder / "tables"
    named.mkdir(parents=True)
    experiment, numbers = "quickstart", list(range(seeds))
    recipes = Recipes(CONFIGS, folder / ".recipes.json")
    made: list[dict[str, Any]] = []
    with composing(CONFIGS):
        for index in range(cells):
            overrides = [f"lr={0.001 * (index + 1):.4g}", f"epochs={epochs}"]
            cell = Cell(
                row=str(index), column="all", experiment=experiment, overrides=(*overrides,)
            )
            recipe = recipes(cell).recipe
            for seed in numbers:
                record = record_of(recipe, seed, error=5 + 0.01 * index, epochs=epochs)
                point = {"experiment": experiment, "overrides": overrides}
                write_record(folder / "records" / "generated", record, [point])
            reported = {"value": 5.0, "spread": 0.1, "kind": "sd", "n": 5, "tag": "T"}
            made.append({"row": index, "column": "all", "experiment": experiment})
            made[-1] |= {
                "overrides": overrides,
                "seeds": list(range(seeds + lacking)),
                "reported": reported,
            }
    recipes.save()
    size = -(-cells // tables)
    for number in range(tables):
        write_table(named / f"generated_{number}.yaml", made[number * size : (number + 1) * size])
    return named


def write_table(file: Path, cells: Sequence[dict[str, Any]], **more: Any) -> None:
    """A table of type `cells`."""
    table = {
        "type": "cells",
        "paper": "generated",
        "title": "Generated",
        "source": "nobody",
        "metric": "error",
        "delta": {"value": 0.3, "reason": "none: the numbers are random"},
        **more,
        "cells": list(cells),
    }
    file.write_text("# random numbers\n" + yaml.safe_dump(table, sort_keys=False))


def record_of(
    recipe: Recipe, seed: int, *, error: float, epochs: int, spread: float = 0.1, **head: Any
) -> Record:
    """A finished run whose test error ends near `error`; curves fall towards it."""
    noise = random.Random(f"{error} {seed}")
    final = error + spread * noise.gauss(0, 1)
    falling = [final + 40 / epoch - 40 / epochs for epoch in range(1, epochs + 1)]
    scores = {"error": final, "error5": final / 20, "nll": final / 25, "ece": final / 200}
    moment = {"epoch": float(epochs), "test": scores}
    solution = {"final": moment, "best": {"selected_on": "test", **moment}}
    cost = {"epochs": float(epochs), "gradient_evaluations": float(epochs), "seconds": 2.0 * epochs}
    return Record(
        head={
            "format": FORMAT,
            "run": f"{recipe.run}-s{seed}",
            "identity": recipe.identity,
            "numerics": NUMERICS,
            "seed": seed,
            "exact": True,
            "results": {"last": solution},
            "cost": cost,
            "failed": None,
            "device": DEVICE,
            "commit": "0" * 40,
            "work": work(recipe.settings),
            **head,
        },
        load=lambda: {
            "settings": json.loads(json.dumps(recipe.settings)),
            "curves": {
                "epoch": [float(epoch) for epoch in range(1, epochs + 1)],
                "gradient_evaluations": [float(epoch) for epoch in range(1, epochs + 1)],
                "lr": [0.1 * (1 - epoch / epochs) for epoch in range(epochs)],
                "train.loss": [value / 20 for value in falling],
                "train.error": [value / 2 for value in falling],
                "weight_norm": [30.0 + noise.random() for _ in falling],
                "solutions.last.test.error": falling,
                "solutions.last.test.nll": [value / 25 for value in falling],
            },
        },
        stored=False,
    )
