"""Every table of configs/table: its form, and whether each cell can be filled."""

from functools import cache
from pathlib import Path

import pytest

from basin.experiment.admission import admit
from basin.experiment.recipes import composed, composing
from basin.report.paper.reading import read_table

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
TABLES = sorted((CONFIGS / "table").glob("*.yaml"))


def chosen(table):
    """All cells; of a grid the corners of each panel, whose words differ in two values only."""
    if table.grid is None:
        return table.cells
    ends = {str(axis.values[i]) for axis in (table.grid.x, table.grid.y) for i in (0, -1)}
    return [cell for cell in table.cells if {cell.row, cell.column} <= ends]


@pytest.fixture(scope="module")
def compose():
    with composing(CONFIGS):
        yield cache(composed)


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_every_cell_can_be_filled(file, compose):
    table = read_table(file)
    assert file.stem.startswith(table.paper)
    for cell in chosen(table):
        admit(table, cell, CONFIGS, compose)
