"""All tables on one page: how many cells there are, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from basin.report.paper.assembly import Outcome
from basin.report.paper.cost import Costs, missing
from basin.report.paper.forms import Table
from basin.report.paper.markdown import grid_of

WORDS = ("reproduced", "consistent", "better", "worse", "inconclusive", "unverified target")
"""Columns of the overview; the rest of a table's cells are summed up behind them."""


def overview(tables: Sequence[tuple[Table, list[Outcome]]], costs: Costs | None) -> str:
    """A row a table, in Markdown; without costs nothing in it depends on this device."""
    head = ["table", "cells", "with runs", *WORDS, "other"]
    head += ["missing runs", "their cost"] if costs else []
    rows = [head]
    for table, outcomes in tables:
        words = Counter(one.verdict.word for one in outcomes if one.values)
        rest = Counter(one.verdict.word for one in outcomes if not one.values)
        rest += Counter({word: n for word, n in words.items() if word not in WORDS})
        other = ", ".join(f"{n} {word}" for word, n in sorted(rest.items()))
        row = [table.name, str(len(outcomes)), str(sum(bool(one.values) for one in outcomes))]
        row += [*(str(words[word]) if words[word] else "" for word in WORDS), other]
        rows.append(row + (_left(outcomes, costs) if costs else []))
    if costs:
        every = [one for _, outcomes in tables for one in outcomes]
        blank = [""] * (len(WORDS) + 2)
        rows.append(["all, shared runs once", str(len(every)), *blank, *_left(every, costs)])
    return grid_of(rows)


def _left(outcomes: list[Outcome], costs: Costs) -> list[str]:
    points = missing(outcomes)
    seconds = [costs.of(point).seconds for point in points]
    known = [one for one in seconds if one is not None]
    unknown = len(seconds) - len(known)
    text = f"{sum(known) / 3600:.3g} h" if known else ""
    if unknown:
        text += f"{' and ' if text else ''}{unknown} of unknown cost"
    return [str(len(points)), text]
