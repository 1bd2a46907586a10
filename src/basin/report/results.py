"""Last results of several runs as a plain table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from basin.core.scores import headline, score_text
from basin.report.runs import Run, entry

HEAD = (
    *("run", "solution", "epoch", "test error", "test", "validation", "NLL", "ECE"),
    "best test (epoch)",
)
COST = ("gradients", "work", "seconds")


def table(runs: Sequence[Run]) -> str:
    """A row for each solution of each run, numbered from 1; `*` marks one that is not finished."""
    rows: list[tuple[str, ...]] = [(*HEAD, *COST)]
    for number, run in enumerate(runs, start=1):
        unfinished = f"{number} *"
        rows += _finished(str(number), run.record) if run.record else _unfinished(unfinished, run)
    empty = [c for c in range(len(rows[0])) if not any(row[c] for row in rows[1:])]
    rows = [tuple(cell for c, cell in enumerate(row) if c not in empty) for row in rows]
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if c < 2 else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    if any(run.record is None for run in runs):
        lines.append("* not finished: its latest evaluation")
    return "\n".join(lines)


def _finished(name: str, record: dict[str, Any]) -> list[tuple[str, ...]]:
    cost = _cost(record["cost"])
    rows = []
    for solution, result in record["results"].items():
        scores = _scores(result["final"], result["final"]["epoch"], _best(result["best"]))
        rows.append((name, solution, *scores, *cost))
    return rows


def _unfinished(name: str, run: Run) -> list[tuple[str, ...]]:
    if not run.lines:
        return [(name, "no evaluation yet", *[""] * (len(HEAD) + len(COST) - 2))]
    line = run.lines[-1]
    cost = _cost(line)
    return [
        (name, solution, *_scores(scores, line["epoch"], ""), *cost)
        for solution, scores in line["solutions"].items()
    ]


def _cost(told: dict[str, Any]) -> tuple[str, ...]:
    """Gradients, work units of an optimizer that counts them, seconds."""
    work = _number(told.get("work_units"), ".4g")
    return (f"{told['gradient_evaluations']:.4g}", work, f"{told['seconds']:.1f}")


def _scores(scores: dict[str, Any], epoch: float, best: str) -> tuple[str, ...]:
    return (
        f"{epoch:g}",
        _number(entry(scores, "test", "error"), ".2f", " %"),
        _other(scores["test"]),
        _number(entry(scores, "validation", "error"), ".2f", " %"),
        _number(entry(scores, "test", "nll"), ".4f"),
        _number(entry(scores, "test", "ece"), ".4f"),
        best,
    )


def _best(best: dict[str, Any] | None) -> str:
    """The test score of the best epoch; chosen on the test set it is no result, and says so."""
    if best is None:
        return ""
    label = ", selected on test" if best["selected_on"] == "test" else ""
    scores = best["test"]
    text = _number(scores.get("error"), ".2f", " %") or _other(scores)
    return f"{text} ({best['epoch']:g}{label})"


def _other(scores: dict[str, float]) -> str:
    """The headline of scores that are not those of a classification."""
    name = headline(scores)
    return "" if name == "error" else score_text(name, scores[name])


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"
