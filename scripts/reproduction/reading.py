"""The chosen tables, with every run that there is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from basin.experiment.recipes import Recipes, composing
from basin.report.paper.archive import Archive, read_archive
from basin.report.paper.assembly import Outcome, assemble
from basin.report.paper.forms import Table
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
    with composing(CONFIGS):
        for name in request.tables:
            table = read_table(request.folder / f"{name}.yaml")
            outcomes = assemble(table, archive, recipes)
            tables.append((table, [one for one in outcomes if request.wants(one.cell.key)]))
    recipes.save()
    if not any(outcomes for _, outcomes in tables):
        raise ValueError(f"cells={','.join(request.cells)}: no cell's name has one of these words")
    return State(archive, tables)


def of_seeds(outcome: Outcome, request: Request) -> Outcome:
    """An outcome of which only the chosen seeds are missing."""
    if not request.seeds:
        return outcome
    return replace(outcome, missing=tuple(s for s in outcome.missing if s in request.seeds))
