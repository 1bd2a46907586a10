"""What a cell of a table must be before anyone spends a GPU on it."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import hydra

from basin.experiment.recipes import Composed, recipe_of
from basin.experiment.schema import MACHINE_ONLY
from basin.experiment.settings import SEEDS
from basin.experiment.targets import targets
from basin.report.paper.forms import Cell, Table
from basin.report.paper.header import Header, read_header
from basin.report.paper.recipe import Recipe

Compose = Callable[[tuple[str, ...]], Composed]


def admit_uncomposed(table: Table, cell: Cell, configs: Path) -> None:
    """The part of `admit` that takes no time: ValueError by the words of the files alone."""
    if cell.out_of_scope is not None:
        _in_scope_page(cell, configs.parent / "docs" / "scope.md")
    if cell.experiment is not None:
        _words(cell)
        _scale(table, cell, _header(cell, configs))


def admit(table: Table, cell: Cell, configs: Path, compose: Compose) -> None:
    """Raise ValueError where a cell asks for what its run cannot give, or does not compose."""
    admit_uncomposed(table, cell, configs)
    if cell.experiment is None:
        return
    made = compose((f"experiment={cell.experiment}", *cell.overrides))
    recipe = recipe_of(made)
    _inferred(cell, made, _header(cell, configs))
    _moment(cell, recipe)
    _solution(cell, made)
    if cell.part == "validation" and not recipe.validation:
        raise ValueError(f"{cell.key}: part=validation, but {cell.experiment} holds none out")


def solutions(made: Composed) -> list[str]:
    """Names (patterns, as `t*`) of the solutions that a run may have."""
    names = ["last"]
    for stage in made.stages.values():
        names += stage["averaging"]
        for path, node in targets(stage, ""):
            if not path.startswith("averaging"):
                names += _own(node["_target_"])
    return list(dict.fromkeys(names))


@cache
def _own(target: str) -> tuple[str, ...]:
    """Names that the `predictors` of an optimizer or model yields."""
    return tuple(_yielded(target))


def _yielded(target: str) -> Iterator[str]:
    method = getattr(hydra.utils.get_object(target), "predictors", None)
    if method is None:
        return
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            name = node.value.elts[0]
            if isinstance(name, ast.Constant):
                yield str(name.value)
            elif isinstance(name, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "*" for v in name.values]
                yield "".join(map(str, parts))


def _words(cell: Cell) -> None:
    """Overrides leave the seed and the machine to the command."""
    for word in cell.overrides:
        key = word.split("=", 1)[0].lstrip("+~")
        if key in ("seed", *SEEDS[:-1], "experiment") or key in MACHINE_ONLY:
            raise ValueError(f"{cell.key}: overrides may not set {key}")


def _header(cell: Cell, configs: Path) -> Header:
    file = configs / "experiment" / f"{cell.experiment}.yaml"
    if not file.is_file():
        raise ValueError(f"{cell.key}: there is no configs/experiment/{cell.experiment}.yaml")
    return read_header(file)


def _scale(table: Table, cell: Cell, header: Header) -> None:
    if header.is_mini != table.scaled_down:
        kind = "a mini" if header.is_mini else "no mini"
        raise ValueError(
            f"{cell.key}: {cell.experiment} is {kind}, and the table says"
            f" scaled_down={str(table.scaled_down).lower()}: the two are never mixed"
        )


def _inferred(cell: Cell, made: Composed, header: Header) -> None:
    for key in (*header.inferred, *cell.inferred):
        if not any(_has(settings, key) for settings in (made.settings, *made.stages.values())):
            raise ValueError(f"{cell.key}: inferred key {key} is not in the configuration")


def _moment(cell: Cell, recipe: Recipe) -> None:
    if isinstance(cell.epoch, float) and not recipe.evaluates(cell.epoch):
        raise ValueError(
            f"{cell.key}: epoch={cell.epoch:g} is not a moment at which {cell.experiment}"
            f" evaluates: {recipe.epochs} epochs, every {recipe.evaluate_every}"
        )


def _solution(cell: Cell, made: Composed) -> None:
    there = solutions(made)
    if not any(fnmatchcase(cell.solution, name) for name in there):
        raise ValueError(
            f"{cell.key}: {cell.experiment} has no solution {cell.solution};"
            f" it has {', '.join(there)}"
        )
    if len(made.stages) > 1 or not isinstance(cell.epoch, float):
        return
    (stage,) = made.stages.values()
    start = stage["averaging"].get(cell.solution, {}).get("start")
    if isinstance(start, (int, float)) and cell.epoch < start:
        raise ValueError(
            f"{cell.key}: epoch={cell.epoch:g} is before {cell.solution} begins ({start:g})"
        )


def _in_scope_page(cell: Cell, page: Path) -> None:
    listed = re.findall(r"^\| ([^|]+?) \|", page.read_text(), flags=re.MULTILINE)
    if cell.out_of_scope not in listed:
        raise ValueError(
            f"{cell.key}: out_of_scope={cell.out_of_scope} is not left out by {page.name}"
        )


def _has(settings: Any, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(settings, dict) or key not in settings:
            return False
        settings = settings[key]
    return True
