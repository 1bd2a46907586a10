"""Table files and experiment headers: what they may say, and how mistakes are named."""

import re

import pytest
import yaml

from basin.report.paper.header import read_header
from basin.report.paper.reading import read_table

CELL = {"row": "a", "column": "b", "experiment": "x", "seeds": [0], "reported": {"value": 1.0}}
TABLE = {"type": "cells", "paper": "p", "title": "t", "source": "s", "cells": [CELL]}
GRID = {
    **{"type": "grid", "paper": "p", "title": "t", "source": "s", "experiment": "x"},
    **{"metric": "error", "seeds": [0], "overrides": ["epochs=1"]},
    "x": {"field": "weight_decay", "values": [0.1, 0.2]},
    "y": {"field": "lr", "values": [1, 2, 3]},
    "panels": [{"name": "A"}, {"name": "B", "overrides": ["optimizer=adamw"]}],
}


def table(tmp_path, node, first="# what it is"):
    file = tmp_path / "paper_table.yaml"
    file.write_text(f"{first}\n{yaml.safe_dump(node)}")
    return read_table(file)


def with_cell(**changes):
    own = {key: value for key, value in {**CELL, **changes}.items() if value != "absent"}
    return {**TABLE, "cells": [own]}


def test_common_is_under_every_cell_and_reported_key_by_key(tmp_path):
    common = {"seeds": [0, 1], "epoch": "best", "reported": {"kind": "sd", "n": 3, "tag": "T"}}
    plain = {"row": 1, "column": "b", "experiment": "x"}
    cells = [
        {**plain, "reported": {"value": 2.0, "spread": 0.1}},
        {**plain, "column": "c", "epoch": 200, "reported": {"value": 3.0, "tag": "M-md"}},
        {**plain, "column": "d", "out_of_scope": "words", "experiment": None},
    ]
    made = table(tmp_path, {**TABLE, "common": common, "cells": cells, "metric": "error"})
    first, second, third = made.cells
    assert made.name == "paper_table" and made.description == "what it is"
    assert (first.key, first.seeds, first.epoch, first.metric) == ("1 / b", (0, 1), "best", "error")
    assert (first.reported.spread, first.reported.n, first.reported.trusted) == (0.1, 3, True)
    assert second.epoch == 200.0 and second.reported.kind == "none"
    assert not second.reported.trusted
    assert third.reported is None and third.out_of_scope == "words"


def test_a_value_of_common_is_reported_by_every_cell_that_does_not_say_null(tmp_path):
    cells = [{**CELL, "column": "c", "reported": None}, {**CELL, "column": "d"}]
    del cells[1]["reported"]
    made = table(tmp_path, {**TABLE, "common": {"reported": {"value": 2.0}}, "cells": cells})
    assert [cell.reported and cell.reported.value for cell in made.cells] == [None, 2.0]


def test_a_grid_is_a_cell_for_each_panel_and_pair(tmp_path):
    made = table(tmp_path, GRID)
    assert len(made.cells) == 12 and made.grid.panels == ("A", "B")
    last = made.cells[-1]
    assert last.key == "B / 3 / 0.2"
    assert last.overrides == ("epochs=1", "optimizer=adamw", "lr=3", "weight_decay=0.2")


MISTAKES = {
    "type=list is not one of cells, grid": {**TABLE, "type": "list"},
    "type=None is not one of cells, grid": [TABLE],
    "paper is missing": {**TABLE, "paper": ""},
    "paper=../../x is not a name of letters": {**TABLE, "paper": "../../x"},
    "cells is empty": {**TABLE, "cells": None},
    "cells={'a': 1} is not a list": {**TABLE, "cells": {"a": 1}},
    "cell 2=text is not a map": {**TABLE, "cells": [CELL, "text"]},
    "common=[1] is not a map": {**TABLE, "common": [1]},
    "notes=one string is not a list of sentences": {**TABLE, "notes": "one string"},
    "scaled_down=no is not true or false": {**TABLE, "scaled_down": "no"},
    "a / b: given twice": {**TABLE, "cells": [CELL, CELL]},
    "baseline=SGD is not a column": {**TABLE, "baseline": "SGD"},
    "colums unknown; there are baseline, cells": {**TABLE, "colums": 1},
    "a / b: sed unknown": with_cell(sed=[0]),
    "row is missing": with_cell(row="absent"),
    "row=True is not text or a number": with_cell(row=True),
    "give one of experiment, out_of_scope, without_run": with_cell(experiment="absent"),
    "not ['experiment', 'without_run']": with_cell(without_run="why"),
    "aggregate=max is not one of mean, median, best": with_cell(aggregate="max"),
    "part=train is not one of": with_cell(part="train"),
    "metric=loss is not one of": with_cell(metric="loss"),
    "seeds is empty": with_cell(seeds=[]),
    **{
        f"a / b: seeds={seeds} is not a list of different whole numbers": with_cell(seeds=seeds)
        for seeds in ([0, 0], ["x"], [-1], [0.5], [True])
    },
    "epoch=0 is not last, best": with_cell(epoch=0),
    "epoch=first is not": with_cell(epoch="first"),
    "is not a list of words": with_cell(overrides="lr=1"),
    "a / b: reported=5 is not a map": with_cell(reported=5),
    "reported.value is missing": with_cell(reported={"tag": "T"}),
    "a / b: reported.value=nan is not a number": with_cell(reported={"value": float("nan")}),
    "reported.kind=std is not one of": with_cell(reported={"value": 1, "kind": "std"}),
    "of which kind": with_cell(reported={"value": 1, "spread": 1}),
    **{
        f"a / b: reported.spread={spread} is not a number from 0": with_cell(
            reported={"value": 1, "spread": spread, "kind": "sd"}
        )
        for spread in ("x", -0.1)
    },
    "a / b: reported.n=three is not a whole": with_cell(reported={"value": 1, "n": "three"}),
    "a / b: reported.tag=7 is not T, P, R": with_cell(reported={"value": 1, "tag": 7}),
    "a / b: reported.tag=Tee is not T, P, R": with_cell(reported={"value": 1, "tag": "Tee"}),
    "reported.aggregate=worst": with_cell(reported={"value": 1, "aggregate": "worst"}),
    "reported.vaule unknown": with_cell(reported={"vaule": 1, "value": 1}),
    "a / b: delta=3 is not a map": with_cell(delta=3),
    "a / b: delta.value=x is not a number": with_cell(delta={"value": "x", "reason": "why"}),
    "delta.reason is missing": with_cell(delta={"value": 0.5}),
    "expect needs a baseline": with_cell(expect="lower"),
    "expect=same needs a delta": {
        **{**TABLE, "baseline": "c"},
        "cells": [{**CELL, "expect": "same"}, {**CELL, "column": "c"}],
    },
    "x is missing": {key: value for key, value in GRID.items() if key != "x"},
    "y.values=0.1 is not a list of two values": {**GRID, "y": {"field": "lr", "values": "0.1"}},
    "panels is missing": {key: value for key, value in GRID.items() if key != "panels"},
    "panels=A is not a map": {**GRID, "panels": ["A"]},
    "panels: nmae unknown": {**GRID, "panels": [{"nmae": "A"}]},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_are_named(tmp_path, message):
    with pytest.raises(ValueError, match=f"paper_table.yaml: .*{re.escape(message)}"):
        table(tmp_path, MISTAKES[message])


@pytest.mark.parametrize("text", ["# a\ncells: [", "# a\n\tx: 1", "# a\n\x00"])
def test_what_is_no_yaml_is_named(tmp_path, text):
    file = tmp_path / "paper_table.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"^paper_table.yaml: "):
        read_table(file)


def test_a_table_describes_itself(tmp_path):
    with pytest.raises(ValueError, match="first line is no comment"):
        table(tmp_path, TABLE, first="")


HEADER = """\
# @package _global_
# SGD on digits
# paper:      nobody 2026
# recipe:     inferred[optimizer.lr, epochs]
# command:    python train.py one
#             python train.py two
# reported:   none
# ours:       not run
# deviations: one thing
#             and another
defaults:
"""


def test_a_header(tmp_path):
    file = tmp_path / "row.yaml"
    file.write_text(HEADER)
    header = read_header(file)
    assert header.description == "SGD on digits" and not header.is_mini
    assert header.inferred == ("optimizer.lr", "epochs")
    assert header.fields["deviations"] == "one thing and another"
    assert header.fields["command"].splitlines() == ["python train.py one", "python train.py two"]
    file.write_text(HEADER.replace("inferred[optimizer.lr, epochs]", "complete"))
    assert read_header(file).inferred == ()
    file.write_text(HEADER.replace("defaults:", "# observable: error is lower\ndefaults:"))
    assert read_header(file).is_mini


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# recipe:     inferred[optimizer.lr, epochs]\n", "", "lacks recipe"),
        ("inferred[optimizer.lr, epochs]", "guessed", "is not complete, or inferred"),
        ("inferred[optimizer.lr, epochs]", "inferred[]", "is not complete, or inferred"),
    ],
)
def test_a_header_without_its_recipe(tmp_path, old, new, message):
    file = tmp_path / "row.yaml"
    file.write_text(HEADER.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_header(file)
