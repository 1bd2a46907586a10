"""reproduce.py on generated records of two tables: cells and a grid."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import reproduce
import yaml
from benchmarks.records import record_of, write_table
from first_stage import CONFIGS
from reproduction import reading, running, showing
from reproduction.request import parse

from basin.experiment.recipes import Recipes, composing
from basin.report.page.data import inflated
from basin.report.paper.cost import Costs
from basin.report.paper.forms import Cell
from basin.report.paper.records import write_record

SWA = ["epochs=4", "averaging=swa", "averaging.swa.start=1"]
COMMON = {
    **{"experiment": "quickstart", "overrides": ["epochs=4"], "seeds": [0, 1, 2]},
    "reported": {"spread": 0.1, "kind": "sd", "n": 5, "tag": "T"},
}
CELLS = [
    {"row": "net", "column": "SGD", "reported": {"value": 5.0}},
    {"row": "net", "column": "half way", "epoch": 2, "reported": {"value": 25.0, "tag": "M"}},
    {"row": "net", "column": "SWA", "overrides": SWA, "expect": "lower"},
    {"row": "net", "column": "slow", "overrides": ["epochs=4", "lr=0.01"], "seeds": [0, 1]},
    {"row": "net", "column": "best, of all", "epoch": "best"},
    {"row": "text", "column": "SGD", "experiment": None, "without_run": "no one knows how"},
]
GRID = {
    **{"type": "grid", "paper": "p", "title": "A grid", "source": "nobody", "metric": "error"},
    **{"experiment": "quickstart", "overrides": ["epochs=4"], "seeds": [0]},
    "x": {"field": "weight_decay", "values": [0.1, 0.2]},
    "y": {"field": "lr", "values": [0.01, 0.02]},
    "panels": [{"name": "SGD"}],
}
LEVELS = {"SGD": (5.0, (0, 1, 2)), "SWA": (4.0, (0, 1))}
"""Errors and seeds of the runs that there are."""


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "tables").mkdir()
    table = folder / "tables" / "cells.yaml"
    write_table(table, CELLS, common=COMMON, baseline="SGD", paper="p")
    (folder / "tables" / "grid.yaml").write_text(f"# a grid\n{yaml.safe_dump(GRID)}")
    recipes = Recipes(CONFIGS)
    with composing(CONFIGS):
        for name, (error, seeds) in LEVELS.items():
            overrides = SWA if name == "SWA" else COMMON["overrides"]
            words = {"experiment": "quickstart", "overrides": overrides}
            cell = Cell(row="", column="", experiment="quickstart", overrides=tuple(overrides))
            recipe = recipes(cell).recipe
            for seed in seeds:
                record = record_of(recipe, seed, error=error, epochs=4)
                write_record(folder / "records" / "p", record, [words])
    return folder


def run(folder, *words, code=0, capsys=None):
    rest = words[words.index("--") :] if "--" in words else ()
    own = words[: len(words) - len(rest)]
    where = (
        f"folder={folder / 'tables'}",
        *(() if "results" in str(own) else (f"results={folder}",)),
    )
    assert reproduce.main([*own, *where, *rest]) == code
    return capsys.readouterr() if capsys else None


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[entry.strip() for entry in line.strip("|").split(" | ")] for line in lines]


def test_a_table_shows_what_exists_and_what_is_missing(generated, capsys, monkeypatch):
    monkeypatch.setattr(running, "_train", None)  # nothing is run
    text = run(generated, "table=cells", capsys=capsys).out
    net = {row[1]: row for row in rows(text) if row[0] == "net"}
    assert re.fullmatch(r"\d\.\d\d ± 0\.\d\d \(3\)", net["SGD"][2])
    assert net["SGD"][5].startswith("reproduced") and net["SGD"][8] == "last"
    assert net["SGD"][9] == "24.0 s, gradients of 4 training sets"
    assert net["half way"][3] == "25.00 ± 0.10 (5) unverified"
    assert net["half way"][5] == "unverified target" and net["half way"][8] == "epoch 2"
    assert "paired, n = 2; as stated" in net["SWA"][6]
    assert net["SWA"][5] == "nothing reported; 1 of 3 runs missing"
    assert net["slow"][5] == "missing" and "no recipe (no one knows how)" in text
    missing = [row for row in rows(text) if row[1].startswith("experiment=")]
    assert [row[1].rsplit(" ", 1) for row in missing] == [
        ["experiment=quickstart epochs=4 lr=0.01", "seed=0"],
        ["experiment=quickstart epochs=4 lr=0.01", "seed=1"],
        ["experiment=quickstart " + " ".join(SWA), "seed=2"],
    ]
    assert "3 runs: no cost is known on cpu" in text


def test_costs_are_measured_on_the_same_device(generated, capsys, monkeypatch):
    monkeypatch.setattr(reproduce, "device_of", lambda words, results: "a generated device")
    text = run(generated, "table=cells", capsys=capsys).out
    assert "3 runs: 24 s on a generated device; costs are GPU time" in text
    assert "2 runs on a generated device" in text and "3 runs on a generated device" in text


def points(generated, tmp_path, monkeypatch, *words):
    """What would be trained, and the words that go with all of it."""
    calls = []
    monkeypatch.setattr(reproduce, "device_of", lambda words, results: "a generated device")
    monkeypatch.setattr(running, "_train", lambda own: calls.append(own) or 0)
    run(generated, "action=run", *words)
    return calls


def test_runs_are_made_one_by_one_where_there_is_no_sweeper(generated, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "CONFIGS", tmp_path)
    calls = points(generated, tmp_path, monkeypatch, "table=cells", "--", "device=cpu")
    assert len(calls) == 3
    first = ["experiment=quickstart", "epochs=4", "lr=0.01", "seed=0"]
    assert calls[0] == [*first, "device=cpu", f"results={generated / 'runs'}"]


def test_a_sweeper_gets_all_points_in_one_submission(generated, tmp_path, monkeypatch):
    (tmp_path / "hydra" / "sweeper").mkdir(parents=True)
    (tmp_path / "hydra" / "sweeper" / "basin.yaml").touch()
    monkeypatch.setattr(running, "CONFIGS", tmp_path)
    rest = ("--", "hydra/launcher=slurm")
    (words,) = points(generated, tmp_path, monkeypatch, "table=cells", "cells=SWA,slow", *rest)
    assert words[:2] == ["-m", "hydra/sweeper=basin"] and words[3] == "hydra/launcher=slurm"
    file = Path(words[2].removeprefix("hydra.sweeper.points="))
    found = [shlex.split(line) for line in file.read_text().splitlines()]
    assert len(found) == 3 and found[2] == ["experiment=quickstart", *SWA, "seed=2"]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["seeds=1"], 1),
        (["cells=swa"], 1),
        (["budget_hours=0.005"], 2),
        (["cells=swa,slow", "seeds=0"], 1),
    ],
)
def test_a_part_is_chosen(generated, tmp_path, monkeypatch, words, count):
    monkeypatch.setattr(running, "CONFIGS", tmp_path)
    assert len(points(generated, tmp_path, monkeypatch, "table=cells", *words)) == count


def test_a_failing_run_does_not_stop_the_others_and_a_signal_does(generated, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "CONFIGS", tmp_path)
    for code, (count, result) in {1: (3, 1), 130: (1, 130), -15: (1, 143)}.items():
        calls = []
        monkeypatch.setattr(
            running, "_train", lambda own, c=code, into=calls: into.append(own) or c
        )
        run(generated, "table=cells", "action=run", code=result)
        assert len(calls) == count


def test_a_run_that_failed_is_named_and_not_begun_again(generated, tmp_path, capsys, monkeypatch):
    (old,) = [f for f in (generated / "records" / "p").iterdir() if "-s2" in f.name]
    folder = tmp_path / "records" / "p"
    folder.mkdir(parents=True)
    text = old.read_text().replace('"failed": null', '"failed": "OutOfMemoryError: no"')
    (folder / old.name).write_text(text)
    monkeypatch.setattr(running, "_train", lambda own: 0)
    where = (f"results={tmp_path}", "table=cells", "cells=net / SGD", "seeds=2")
    said = run(generated, *where, "action=run", capsys=capsys)
    assert said.out == "no run is missing\n"
    assert f"not begun again, since they failed: {old.stem}" in said.err
    shown = run(generated, *where, capsys=capsys).out
    assert "| failed (1 of 3)" in shown and f"{old.stem}: OutOfMemoryError: no" in shown


def test_a_damaged_record_is_named_not_made_again_and_hides_no_other(generated, tmp_path, capsys):
    folder = tmp_path / "records" / "p"
    shutil.copytree(generated / "records" / "p", folder)
    (bad,) = [file for file in folder.iterdir() if "-s2" in file.name]
    bad.write_text(bad.read_text().splitlines(keepends=True)[0])
    where = (f"results={tmp_path}", "table=cells", "cells=net / SGD")
    said = run(generated, *where, code=1, capsys=capsys)
    assert f"unreadable: {bad} is damaged; delete it" in said.err
    assert "(2) |" in said.out and f"net / SGD: {bad} is damaged" in said.out
    assert "no run is missing" in said.out
    for file in folder.iterdir():
        file.write_text("")
    assert "| unreadable" in run(generated, *where, code=1, capsys=capsys).out


def test_all_tables_are_an_overview(generated, capsys):
    text = run(generated, "table=all", capsys=capsys).out
    cells, grid, total = rows(text)[1:]
    assert cells[:5] == ["cells", "6", "1", "4", "1"] and grid[:4] == ["grid", "4", "0", "0"]
    assert total[0] == "all, shared runs once" and total[-2] == "7"


def test_a_method_against_another(generated, capsys):
    text = run(generated, "table=cells", "compare=SWA,SGD", capsys=capsys).out
    (epochs, gradients) = rows(text)[1:]
    assert epochs[2:4] == ["epochs", "4"] and gradients[2] == "gradient evaluations"
    assert "paired, n = 2" in epochs[6] and epochs[6].startswith("-")
    assert "no row" in run(generated, "table=cells", "compare=slow,SGD", capsys=capsys).out


def test_a_record_damaged_in_its_middle_hides_no_other_of_a_comparison(generated, tmp_path, capsys):
    folder = tmp_path / "records" / "p"
    shutil.copytree(generated / "records" / "p", folder)
    (swa,) = {f.name[:-8] for f in folder.iterdir()} - {f.name[:-8] for f in folder.glob("*-s2.*")}
    files = [folder / f"{swa}-s{seed}.json" for seed in LEVELS["SWA"][1]]
    whole = [file.read_text() for file in files]
    for file, text in zip(files, whole, strict=True):
        head, rest, curves = text.splitlines(keepends=True)
        file.write_text(head + rest[:-9] + curves)
    where = (f"results={tmp_path}", "table=cells", "compare=SWA,SGD")
    said = run(generated, *where, code=1, capsys=capsys).out
    assert said.startswith("no row of these tables")
    assert all(f"unreadable: {file} is damaged" in said for file in files)
    files[1].write_text(whole[1])
    said = run(generated, *where, code=1, capsys=capsys).out
    assert [row[4][-3:] for row in rows(said)[1:]] == ["(1)", "(1)"]
    assert said.count("unreadable: ") == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda curves: None,
        lambda curves: {},
        lambda curves: {k: v for k, v in curves.items() if k != "gradient_evaluations"},
        lambda curves: {**curves, "epoch": curves["epoch"][:-1]},
    ],
)
def test_curves_that_are_not_whole_are_damage(generated, tmp_path, capsys, damage):
    folder = tmp_path / "records" / "p"
    shutil.copytree(generated / "records" / "p", folder)
    bad = sorted(folder.glob("*-s1.json"))
    for file in bad:
        content = json.loads(file.read_text())
        head, rest, _ = file.read_text().splitlines()
        last = json.dumps({"curves": damage(content["curves"])})[1:]
        file.write_text(f"{head}\n{rest}\n{last}\n")
    where = (f"results={tmp_path}", "table=cells")
    for pair in ("SWA,SGD", "half way,SWA"):
        said = run(generated, *where, f"compare={pair}", code=1, capsys=capsys).out
        assert len(rows(said)) == 3
        assert all(f"unreadable: {file} is damaged" in said for file in bad)


def test_a_column_that_cannot_be_read_gives_way_to_the_next(generated, tmp_path, capsys):
    names = {"method": "A"}
    cells = [
        {"row": "net", "column": "SWA", "overrides": SWA, **names},
        {"row": "net", "column": "again", "seeds": [2], **names},
        {"row": "net", "column": "SGD", "seeds": [0]},
    ]
    (tmp_path / "tables").mkdir()
    write_table(tmp_path / "tables" / "cells.yaml", cells, common=COMMON, paper="p")
    folder = tmp_path / "records" / "p"
    shutil.copytree(generated / "records" / "p", folder)
    (swa,) = {f.name[:-8] for f in folder.iterdir()} - {f.name[:-8] for f in folder.glob("*-s2.*")}
    for file in folder.glob(f"{swa}*"):
        head, rest, curves = file.read_text().splitlines(keepends=True)
        file.write_text(head + rest[:-9] + curves)
    said = run(tmp_path, "table=cells", "compare=A,SGD", code=1, capsys=capsys).out
    assert [row[4][-3:] for row in rows(said)[1:]] == ["(1)", "(1)"]
    assert said.count("unreadable: ") == 2


def test_methods_may_be_rows(generated, tmp_path, capsys):
    cells = [
        {"row": "A", "column": "net", "overrides": SWA},
        {"row": "B, long", "column": "net"},
    ]
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables" / "cells.yaml"
    write_table(table, cells, common=COMMON, paper="p", methods="rows")
    shutil.copytree(generated / "records", tmp_path / "records")
    (epochs, _) = rows(run(tmp_path, "table=cells", "compare=A,B, long", capsys=capsys).out)[1:]
    assert epochs[:3] == ["cells", "net", "epochs"] and epochs[6].startswith("-")


def test_records_that_no_table_reads_are_named_of_all_tables(generated, tmp_path, monkeypatch):
    monkeypatch.setattr(showing, "CONFIGS", tmp_path)
    own = shutil.copytree(generated / "tables", tmp_path / "table")
    every = parse(["table=all", f"folder={own}", f"results={generated}"])
    state = reading.read(every)
    assert reading.unused(state) == []
    without = replace(state, tables=[pair for pair in state.tables if pair[0].name != "cells"])
    costs = Costs(state.archive, "", generated)
    names = sorted(file.stem for file in (generated / "records" / "p").iterdir())
    assert ", ".join(names) in showing.tables_text(every, without, costs)
    elsewhere = replace(every, folder=generated)
    assert "no table reads" not in showing.tables_text(elsewhere, without, costs)


def test_a_cell_of_a_fixed_epoch_is_compared_there(generated, capsys):
    text = run(generated, "table=cells", "compare=half way,SWA", capsys=capsys).out
    assert [row[3] for row in rows(text)[1:]] == ["2", "2"] and "best epoch" not in text


@pytest.mark.parametrize("pair", ["best, of all,SWA", "SWA, best, of all"])
def test_a_method_with_a_comma_whose_best_epoch_is_not_what_is_compared(generated, capsys, pair):
    text = run(generated, "table=cells", f"compare={pair}", capsys=capsys).out
    assert len(rows(text)) == 3
    assert text.endswith("though their cells read the best epoch: cells net\n\n")


def test_panels_of_a_grid_are_methods(tmp_path, capsys):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "two.yaml").write_text(
        f"# a grid\n{yaml.safe_dump({**GRID, 'panels': [{'name': 'A'}, {'name': 'B'}]})}"
    )
    said = run(tmp_path, "table=two", "compare=A,B", capsys=capsys).out
    assert said == "no row of these tables has runs of both A and B\n\n"


def test_a_part_of_a_grid_leaves_the_rest_blank(generated, capsys):
    text = run(generated, "table=grid", "cells=0.02 / 0.1", capsys=capsys).out
    assert [row[0] for row in rows(text)[:3]] == ["lr \\ weight_decay", "0.01", "0.02"]
    assert "separability: needs every cell" in text and "\n\n1 run: " in text


def test_all_tables_are_collected_where_none_is_named(generated, capsys):
    said = run(generated, "action=collect", capsys=capsys).out
    assert said == "every finished run has its record\n"


def test_a_budget_says_what_it_knows_no_cost_of(generated, capsys):
    said = run(generated, "table=cells", "action=run", "budget_hours=2", capsys=capsys)
    assert said.out == "no run is missing that fits budget_hours=2\n"
    assert said.err == "missing runs of unknown cost, not begun on a budget: 3\n"


def test_files_and_a_page_that_needs_no_network(generated):
    run(generated, "table=all", "action=render")
    folder = generated / "tables"
    assert "\\toprule" in (folder / "cells.tex").read_text()
    assert (folder / "cells.md").read_text().startswith("## Generated")
    page = (folder / "index.html").read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", page)
    stored = dict(re.findall(r'<script type="text/plain" id="([^"]+)">([^<]+)</script>', page))
    cell = inflated(stored["cell cells net / SGD"])
    assert cell["commands"][0] == "python train.py experiment=quickstart epochs=4 seed=0"
    assert len(cell["runs"]) == 3 and "optimizer:" in cell["configuration"]
    opened = inflated(stored[f"run {cell['runs'][0]}"])
    assert opened["columns"]["epoch"] == [1, 2, 3, 4] and len(opened["row"]) == len(
        cell["run_head"]
    )
    assert set(opened["columns"]) >= {"lr", "train error", "test last", "gradient_evaluations"}


def test_a_record_of_another_recipe_is_stale(generated, tmp_path, capsys):
    (old,) = [f for f in (generated / "records" / "p").iterdir() if "-s2" in f.name]
    text = old.read_text()
    identity = json.loads(text)["identity"]
    folder = tmp_path / "records" / "p"
    folder.mkdir(parents=True)
    (folder / old.name).write_text(text.replace(identity, "0123456789"))
    out = run(generated, "table=cells", f"results={tmp_path}", capsys=capsys).out
    assert {row[1]: row[-2] for row in rows(out) if row[0] == "net"}["SGD"] == "stale"


@pytest.mark.parametrize(
    ("action", "changes", "message"),
    [
        ("show", {"overrides": ["seed=3"]}, "overrides may not set seed"),
        ("show", {"experiment": None, "out_of_scope": "nonsense"}, "is not left out by scope.md"),
        ("run", {"epoch": 13}, "epoch=13 is not a moment at which quickstart evaluates"),
        ("run", {"solution": "swa"}, "quickstart has no solution swa; it has last"),
    ],
)
def test_a_cell_that_no_run_can_fill_is_refused(
    tmp_path, capsys, monkeypatch, action, changes, message
):
    (tmp_path / "tables").mkdir()
    cell = {"row": "a", "column": "b", "experiment": "quickstart", "seeds": [0], **changes}
    write_table(tmp_path / "tables" / "cells.yaml", [cell], paper="p")
    monkeypatch.setattr(running, "_train", None)  # nothing is run
    said = run(tmp_path, "table=cells", f"action={action}", code=1, capsys=capsys).err
    assert said.startswith("error: cells.yaml: a / b: ") and message in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["table=cels"], "there is no such table. Did you mean cells"),
        ([], "table=NAME is missing; there are all, cells, grid"),
        (["table=cells", "acton=run"], "acton=run is not understood"),
        (["table=cells", "action=go"], "action=go is not one of show, run, collect, render"),
        (["table=cells", "cells=SWA,nothing"], "cells=nothing: no cell's name has this word"),
        (["table=cells", "seeds=0,7"], "seeds=7: no chosen cell has this seed; they have 0, 1, 2"),
        (["table=cells", "budget_hours=0"], "budget_hours=0 is not a number of hours above 0"),
        (["table=cells", "seeds=a"], "seeds=a is not a list of whole numbers"),
        (["table=cells", "budget_hours=-1"], "budget_hours=-1 is not a number of hours above 0"),
        (["table=cells", "compare=SGD"], "compare=SGD is not two methods"),
        (["table=cells", "compare=SGD,Adam"], "compare=SGD,Adam: no cell of Adam; there are SGD"),
        (["table=cells,cells"], "table=cells,cells: cells is given twice"),
        (["table=all,cells"], "table=all,cells: all stands alone"),
        (["table=cells", "cells=SWA", "action=render"], "cells=SWA: action=render writes whole"),
        (["table=cells", "compare=SGD,SGD"], "compare=SGD,SGD is not two methods"),
        (["table=cells", "compare=SGD,SWA", "action=run"], "action=run goes without it"),
        (
            ["table=cells", "table=grid"],
            "given before; several go into one, as table=A,B",
        ),
        (["table=cells", "action=run", "--", "lr=0.1"], "-- lr=0.1: only the launcher"),
        (["table=cells", "action=run", "--", "device"], "-- device: only the launcher"),
    ],
)
def test_mistakes_are_answered(generated, capsys, words, message):
    assert message in run(generated, *words, code=1, capsys=capsys).err


def test_a_folder_without_tables_is_a_mistake(tmp_path, capsys):
    assert reproduce.main(["table=all", f"folder={tmp_path}"]) == 1
    assert f"folder={tmp_path} has no table" in capsys.readouterr().err


def test_what_was_composed_is_kept_where_the_rest_is_not(tmp_path, capsys):
    (tmp_path / "tables").mkdir()
    cells = [
        {"row": "a", "column": "b", "reported": {"value": 5.0}},
        {"row": "a", "column": "c", "reported": {"value": 5.0}, "overrides": ["epochs=no"]},
    ]
    write_table(tmp_path / "tables" / "cells.yaml", cells, common=COMMON, paper="p")
    assert "a / c: " in run(tmp_path, "table=cells", code=1, capsys=capsys).err
    kept = json.loads((tmp_path / ".recipes.json").read_text())["recipes"]
    assert list(map(json.loads, kept)) == [["experiment=quickstart", "epochs=4"]]
