"""All tables on one page: how many cells there are, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from basin.report.paper.assembly import Outcome
from basin.report.paper.cost import Costs, duration, missing
from basin.report.paper.forms import Table
from basin.report.paper.markdown import grid_of

Tables = Sequence[tuple[Table, list[Outcome]]]
WORDS = ("reproduced", "consistent", "better", "worse", "inconclusive", "unverified target")
"""Columns of the overview; the rest of a table's cells are summed up behind them."""
HEAD = ("cells", "verified numbers", "with runs", *WORDS, "other")


def overview(tables: Tables, costs: Costs | None) -> str:
    """A row a table, in Markdown; without costs nothing in it depends on this device."""
    rows = [["table", *HEAD, *(["missing runs", "their cost"] if costs else [])]]
    for table, outcomes in tables:
        rows.append([table.name, *_counts(outcomes), *(_left(outcomes, costs) if costs else [])])
    every = [one for _, outcomes in tables for one in outcomes]
    if costs:
        blank = [""] * (len(HEAD) - 1)
        rows.append(["all, shared runs once", str(len(every)), *blank, *_left(every, costs)])
    return grid_of(rows)


def overview_of_papers(tables: Tables) -> str:
    """A row a paper, and one for all scaled-down tables, which are no paper's."""
    rows = [["paper", "tables", *HEAD]]
    own = [pair for pair in tables if not pair[0].scaled_down]
    twins = [pair for pair in tables if pair[0].scaled_down]
    for paper in dict.fromkeys(table.paper for table, _ in own):
        rows.append(_together(paper, [pair for pair in own if pair[0].paper == paper]))
    rows.append(_together("all papers", own))
    if twins:
        rows.append(_together("scaled-down twins", twins))
    return grid_of(rows)


def _together(name: str, tables: Tables) -> list[str]:
    every = [one for _, outcomes in tables for one in outcomes]
    return [name, str(len(tables)), *_counts(every)]


def _counts(outcomes: Sequence[Outcome]) -> list[str]:
    """Columns of HEAD."""
    words = Counter(_word(one) for one in outcomes if one.values)
    rest = Counter(_word(one) for one in outcomes if not one.values)
    rest += Counter({word: n for word, n in words.items() if word not in WORDS})
    reported = [one.cell.reported for one in outcomes]
    return [
        str(len(outcomes)),
        str(sum(one is not None and one.trusted for one in reported)),
        str(sum(bool(one.values) for one in outcomes)),
        *(str(words[word]) if words[word] else "" for word in WORDS),
        ", ".join(f"{n} {word}" for word, n in sorted(rest.items())),
    ]


def _word(outcome: Outcome) -> str:
    """The verdict; where nothing is reported, what became of a stated expectation."""
    word = outcome.verdict.word
    stated = outcome.gain.met if outcome.gain is not None else ""
    return stated if stated and word == "nothing reported" else word


def _left(outcomes: Sequence[Outcome], costs: Costs) -> list[str]:
    points = missing(outcomes)
    seconds = [costs.of(point).seconds for point in points]
    known = [one for one in seconds if one is not None]
    unknown = len(seconds) - len(known)
    text = duration(sum(known)) if known else ""
    if unknown:
        text += f"{' and ' if text else ''}{unknown} of unknown cost"
    return [str(len(points)), text]
