"""What is generated and committed is what the committed records and tables give."""

import re
from dataclasses import replace
from functools import cache

import pytest
from first_stage import CONFIGS
from reproduction.reading import State
from reproduction.showing import readme_with, tables_page

from basin.experiment.recipes import Recipes, composing
from basin.report.paper.archive import read_archive
from basin.report.paper.assembly import Experiment, assemble
from basin.report.paper.forms import Cell
from basin.report.paper.header import read_header
from basin.report.paper.reading import read_table
from basin.report.paper.recipe import Recipe

ROOT = CONFIGS.parent
AGAIN = "run scripts/reproduce.py table=all action=collect, then action=render"
NO_RUN = Recipe("none", "none_none_0000000000", "none", {"dataset": {}}, None, None)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """As reproduce.py has it of the records alone.

    Only what a record was collected for is composed: nothing else has a run.
    """
    results = tmp_path_factory.mktemp("results")
    (results / "records").symlink_to(ROOT / "results" / "records")
    archive = read_archive(results)
    points = {
        (point["experiment"], tuple(point["overrides"]))
        for record in archive.records.values()
        for point in record.head["cells"]
    }
    recipes, header = Recipes(CONFIGS), cache(read_header)

    def look_up(cell: Cell) -> Experiment:
        if (cell.experiment, cell.overrides) in points:
            return recipes(cell)
        return Experiment(NO_RUN, header(CONFIGS / "experiment" / f"{cell.experiment}.yaml"))

    tables = [read_table(file) for file in sorted((CONFIGS / "table").glob("*.yaml"))]
    with composing(CONFIGS):
        return State(archive, [(table, assemble(table, archive, look_up)) for table in tables])


def test_the_readme_shows_the_committed_records(state):
    readme = (ROOT / "README.md").read_text()
    assert "<!-- overview -->\n\n| paper " in readme
    assert readme_with(readme, state) == readme, AGAIN


def test_so_does_the_page_of_tables(state):
    assert (ROOT / "results" / "tables" / "README.md").read_text() == tables_page(state), AGAIN


def test_a_new_run_changes_both(state):
    """Or the two tests above could not fail."""
    table, outcomes = next(pair for pair in state.tables if pair[0].name == "wrn_final")
    ran = [replace(outcomes[0], values={0: 4.0}), *outcomes[1:]]
    with_run = [(t, ran if t is table else own) for t, own in state.tables]
    later = State(state.archive, with_run)
    readme = (ROOT / "README.md").read_text()
    assert readme_with(readme, later) != readme and tables_page(later) != tables_page(state)


def test_no_record_is_of_a_run_that_no_cell_asks_for(state):
    read = {record.name for _, own in state.tables for one in own for record in one.records}
    stale = {record.name for _, own in state.tables for one in own for record in one.stale}
    assert {record.name for record in state.archive.records.values()} == read | stale


def test_the_list_of_experiments_counts_the_cells_of_each_table(state):
    """docs/experiments.md, which a person writes."""
    document = (ROOT / "docs" / "experiments.md").read_text()
    pattern = r"^\| (\w+) \| (\w+) \| (\d+) of (\d+) \| (\d+) \| .+ \| (\d+) \|$"
    listed = {row[1]: row for row in re.findall(pattern, document, flags=re.MULTILINE)}
    counted = {}
    for table, _ in state.tables:
        if not table.scaled_down:
            runs = [cell for cell in table.cells if cell.experiment is not None]
            trusted = [cell for cell in table.cells if cell.reported and cell.reported.trusted]
            experiments = {cell.experiment for cell in runs}
            numbers = (len(runs), len(table.cells), len(trusted), len(experiments))
            counted[table.name] = (table.paper, table.name, *map(str, numbers))
    assert listed == counted


def test_headers_say_whether_a_scaled_down_experiment_was_run(state):
    ran = {
        point["experiment"]
        for record in state.archive.records.values()
        for point in record.head["cells"]
        if not point["overrides"]
    }
    for file in (CONFIGS / "experiment").rglob("mini*.yaml"):
        name = str(file.relative_to(CONFIGS / "experiment").with_suffix(""))
        assert (read_header(file).fields["ours"] == "not run") == (name not in ran), name
