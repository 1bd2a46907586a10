"""Every table of configs/table: its form, and whether each cell can be filled; every header."""

import re
from functools import cache
from pathlib import Path

import pytest

from basin.experiment.admission import admit, admit_uncomposed
from basin.experiment.recipes import composed, composing, recipe_of
from basin.report.paper.forms import Cell
from basin.report.paper.header import read_header
from basin.report.paper.reading import read_table

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
TABLES = sorted((CONFIGS / "table").glob("*.yaml"))
DOCUMENT = CONFIGS.parent / "docs" / "tables.md"
EXPERIMENTS = sorted((CONFIGS / "experiment").rglob("*.yaml"))


@pytest.fixture(scope="module")
def compose():
    with composing(CONFIGS):
        yield cache(composed)


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_its_form_and_a_cell_of_each_kind(file, compose):
    """Every cell by its words; composed, which takes time, the first of each kind of question."""
    table = read_table(file)
    assert file.stem.startswith(table.paper)
    composed_ones = dict[tuple[str, type], Cell]()
    for cell in table.cells:
        admit_uncomposed(table, cell, CONFIGS)
        if cell.experiment is not None:
            composed_ones.setdefault((cell.solution, type(cell.epoch)), cell)
    for cell in composed_ones.values():
        admit(table, cell, CONFIGS, compose)


@pytest.mark.slow
@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_every_cell_can_be_filled(file, compose):
    table = read_table(file)
    for cell in table.cells:
        admit(table, cell, CONFIGS, compose)


def test_the_forms_of_the_documents(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    file = tmp_path / "example.yaml"
    kinds = []
    for block in blocks:
        file.write_text(block)
        if "type:" in block:
            kinds.append(read_table(file).grid is not None)
        else:
            assert read_header(file).inferred == ()
    assert kinds == [False, True] and len(blocks) == 3


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_experiment_has_a_header(file):
    header = read_header(file)
    name = file.relative_to(CONFIGS / "experiment").with_suffix("")
    assert f"experiment={name}" in header.fields["command"]


def test_a_recipe_says_whether_its_network_is_that_of_its_option(compose):
    own = {
        name: recipe_of(compose((f"experiment=wrn/{name}",))).own_model
        for name in ("mini", "mini_deep")  # wide_resnet with depth and width, wrn_28_1
    }
    assert own == {"mini": True, "mini_deep": False}
