"""The chosen tables, with every run that there is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

from basin.experiment.admission import admit, admit_uncomposed
from basin.experiment.recipes import Recipes, composed, composing
from basin.report.paper.archive import Archive, read_archive
from basin.report.paper.assembly import Outcome, assemble
from basin.report.paper.forms import Cell, Table
from basin.report.paper.reading import read_table
from reproduction.request import CONFIGS, Request


@dataclass(frozen=True)
class State:
    """What every action starts from."""

    archive: Archive
    tables: list[tuple[Table, list[Outcome]]]


def read(request: Request) -> State:
    """Raises ValueError for a malformed table, a cell that does not compose, a damaged record."""
    archive = read_archive(request.results)
    recipes = Recipes(CONFIGS, request.results / ".recipes.json")
    tables = []
    try:
        with composing(CONFIGS):
            for name in request.tables:
                table = read_table(request.folder / f"{name}.yaml")
                with _naming(table):
                    for cell in table.cells:
                        admit_uncomposed(table, cell, CONFIGS)
                outcomes = assemble(table, archive, recipes)
                tables.append((table, [one for one in outcomes if request.wants(one.cell.key)]))
    finally:
        recipes.save()  # composing all takes minutes: what is interrupted goes on from there
    check_chosen(request, [one.cell for _, outcomes in tables for one in outcomes])
    return State(archive, tables)


def admit_runs(state: State, names: Collection[str]) -> None:
    """Before these runs are made: ValueError where one cannot give what a cell reads of it."""
    compose = cache(composed)
    with composing(CONFIGS):
        for table, outcomes in state.tables:
            for one in outcomes:
                run = one.experiment.recipe.run if one.experiment else ""
                if any(f"{run}-s{seed}" in names for seed in one.missing):
                    with _naming(table):
                        admit(table, one.cell, CONFIGS, compose)


@contextmanager
def _naming(table: Table) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{table.name}.yaml: {error}") from None


def check_chosen(request: Request, cells: list[Cell]) -> None:
    """Raise ValueError for a word or a seed of the command that chooses nothing."""
    for word in request.cells:
        if not any(word.lower() in cell.key.lower() for cell in cells):
            raise ValueError(f"cells={word}: no cell's name has this word")
    there = sorted({seed for cell in cells for seed in cell.seeds})
    for seed in request.seeds:
        if seed not in there:
            known = ", ".join(map(str, there)) or "none"
            raise ValueError(f"seeds={seed}: no chosen cell has this seed; they have {known}")


def unused(state: State) -> list[str]:
    """Record files that no cell of these tables reads or was collected for, by name."""
    every = [one for _, outcomes in state.tables for one in outcomes]
    used = {record.name for one in every for record in (*one.records, *one.stale)}
    stored = [record.name for record in state.archive.records.values() if record.stored]
    return sorted({*stored} - used)


def of_seeds(outcome: Outcome, request: Request) -> Outcome:
    """An outcome of which only the chosen seeds are missing."""
    if not request.seeds:
        return outcome
    return replace(outcome, missing=tuple(s for s in outcome.missing if s in request.seeds))
