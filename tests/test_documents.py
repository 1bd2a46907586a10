"""The texts that users copy from are held against what runs."""

import re
import shlex
from pathlib import Path

import pytest
import reproduction.request
from hydra import compose, initialize_config_dir
from reproduction.reading import check_chosen
from tuning.request import parse

from basin.experiment.check import check
from basin.experiment.help import GROUPS, text
from basin.experiment.schema import check_fields, register
from basin.experiment.settings import run_settings
from basin.experiment.staging import stage_settings
from basin.report.paper.assembly import Outcome
from basin.report.paper.reading import read_table
from basin.report.paper.versus import pair_of

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAPERS = sorted((ROOT / "docs" / "papers").glob("*.md"))


def shell_lines(document):
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(), flags=re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]


def commands():
    for document in [*DOCUMENTS, *PAPERS]:
        for line in shell_lines(document):
            if line.startswith("python train.py "):
                yield pytest.param(line, id=f"{document.name}: {line[16:]}")


def test_readme_and_ci_have_the_same_two_commands():
    first, second, *_ = shell_lines(ROOT / "README.md")
    assert first.endswith("pip install -e . && python train.py experiment=quickstart")
    assert second.endswith('pip install -e ".[dev]" && pytest')
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert first in lines and second in lines


@pytest.mark.parametrize("command", [*commands()])
def test_every_command_of_the_documents_is_a_valid_run(command):
    words = [word for word in shlex.split(command)[2:] if not word.startswith("-")]
    first_of_each = [re.sub(r"^([\w.@/]+=)([^\[{,]+),.*$", r"\1\2", word) for word in words]
    register()
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("config", first_of_each)
    check_fields(cfg)
    check(run_settings(cfg), stage_settings(cfg))


def test_every_search_of_the_documents_is_one():
    lines = [line for document in [*DOCUMENTS, *PAPERS] for line in shell_lines(document)]
    words = [line.partition("/tune.py ")[2].rstrip('"') for line in lines if "/tune.py " in line]
    assert len(words) > 5
    for word in words:
        parse(shlex.split(word))


def test_every_reproduction_of_the_documents_is_one():
    lines = [line for document in [*DOCUMENTS, *PAPERS] for line in shell_lines(document)]
    words = [
        shlex.split(line)[2:] for line in lines if line.startswith("python scripts/reproduce.")
    ]
    assert len(words) > 6
    for request in map(reproduction.request.parse, words):
        tables = [read_table(request.folder / f"{name}.yaml") for name in request.tables]
        cells = [cell for table in tables for cell in table.cells]
        check_chosen(request, cells)
        if request.compare is not None:
            pair_of(request.compare, [(tables[0], [Outcome(cell, None) for cell in cells])])


def test_links_between_documents_lead_somewhere():
    for document in [*DOCUMENTS, *PAPERS, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_help_describes_every_option_and_shows_every_field():
    shown = text(ROOT / "configs")
    for group in GROUPS:
        for path in (ROOT / "configs" / group).rglob("*.yaml"):
            name = str(path.relative_to(ROOT / "configs" / group).with_suffix(""))
            lines = [row for row in shown.splitlines() if re.match(rf"    {name}  ", row)]
            described = [line for line in lines if len(line.split(None, 1)) == 2]
            assert lines and lines == described, f"{path} has no description"
    for field in ("epochs", "batch_size", "seed_subset", "rerun", "per_tensor"):
        assert f"{field}: " in shown
    assert shown.count("\n  python train.py ") == 5


def test_every_group_is_a_folder():
    folders = {p.name for p in (ROOT / "configs").iterdir() if p.is_dir()}
    assert folders == {*GROUPS, "hydra", "table", "tune"}  # launchers; files read by themselves
