"""Tables as LaTeX: what Markdown says is there, and no column is as wide as a sentence."""

from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Cell, Table
from basin.report.paper.latex import latex
from basin.report.paper.markdown import table_text
from basin.report.paper.verdict import Verdict

WHY = "its schedule is known from memory alone & no one has it"
FLAG = "reported 95 % CI: se = CI/1.96"


def made():
    cells = tuple(Cell(row="net", column=name) for name in ("SGD", "SAM"))
    judged = (Verdict("better", "n = 3", flags=(FLAG,)), Verdict("no recipe", WHY))
    outcomes = [Outcome(c, None, {0: 1.0}, verdict=v) for c, v in zip(cells, judged, strict=True)]
    table = Table(
        **{"name": "t", "description": "d", "paper": "p", "title": "t", "source": "s"},
        **{"rows": "", "cells": cells, "notes": ("One note.",)},
    )
    return table, outcomes


def test_the_columns_and_notes_are_those_of_markdown():
    table, outcomes = made()
    inside, below = latex(table, outcomes).split("\\end{tabular}")
    (head,) = [line for line in inside.splitlines() if line.startswith("row & column")]
    named = [name.strip() for name in table_text(table, outcomes).splitlines()[4].split("|")[1:-1]]
    assert named[-1] == "selected on" and "verdict" in named
    assert [name.strip() for name in head.removesuffix("\\\\").split("&")] == [
        name.replace("±", "$\\pm$") for name in named
    ]
    assert "better (n = 3)" in inside and FLAG.replace("%", "\\%") in below
    assert "One note." in below and "footnotesize" in inside


def test_a_long_reason_is_a_note():
    inside, below = latex(*made()).split("\\end{tabular}")
    assert "& no recipe &" in inside and "from memory" not in inside
    assert f"net / SAM: {WHY.replace('&', chr(92) + '&')}" in below
