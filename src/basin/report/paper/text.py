"""The words and numbers of an outcome, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence

from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Cell, Reported, Table
from basin.report.paper.gains import Gain
from basin.report.paper.statistics import Interval, Sample

DASH = "–"
PLACES = {"accuracy": 2, "accuracy5": 2, "error": 2, "error5": 2, "nll": 4, "ece": 4}


def number(value: float, metric: str, *, sign: bool = False) -> str:
    """Two digits of per cent, four of NLL and ECE, four significant ones of anything else."""
    places = PLACES.get(metric)
    form = f".{places}f" if places is not None else ".4g"
    return f"{value:{'+' if sign else ''}{form}}"


def ours(outcome: Outcome) -> str:
    """`72.61 ± 0.12 (3)`: mean, standard deviation and n; the median or best is named."""
    sample, value = outcome.sample, outcome.ours
    if sample is None or value is None:
        return DASH
    metric, how = outcome.cell.metric, outcome.cell.aggregate
    spread = "" if sample.sd is None else f" ± {number(sample.sd, metric)}"
    if how == "mean":
        return f"{number(value, metric)}{spread} ({sample.n})"
    return f"{how} {number(value, metric)}; {number(sample.mean, metric)}{spread} ({sample.n})"


def reported(given: Reported | None, metric: str, aggregate: str) -> str:
    """The paper's number, its spread by kind, n, and whether it is verified."""
    if given is None:
        return DASH
    how = given.aggregate or aggregate
    text = f"{'≈ ' if given.approximate else ''}{number(given.value, metric)}"
    if given.spread is not None:
        kind = {"sd": "", "se": " se", "ci95": " CI"}[given.kind]
        text += f" ± {number(given.spread, metric)}{kind}"
    text += "" if given.n is None else f" ({given.n})"
    text = text if how == "mean" else f"{how} {text}"
    return text if given.trusted else f"{text} unverified"


def interval(difference: float | None, around: Interval | None, metric: str) -> str:
    """`+0.06 [-0.21, +0.33]`."""
    if difference is None:
        return DASH
    text = number(difference, metric, sign=True)
    if around is None:
        return text
    low, high = (number(end, metric, sign=True) for end in (around.low, around.high))
    return f"{text} [{low}, {high}]"


def gain(found: Gain | None, metric: str) -> str:
    """Against the baseline: paired where seeds are shared, and what was expected of it."""
    if found is None:
        return DASH
    kind = f" paired, n = {found.shared}" if found.paired else ""
    met = f"; {found.met}" if found.met else ""
    return f"{interval(found.difference, found.interval, metric)}{kind}{met}"


def verdict(outcome: Outcome) -> str:
    """The word and its reason; what is stale, failed or not there beside it."""
    more = []
    if outcome.stale and outcome.verdict.word != "stale":
        more.append("older records are stale")
    if outcome.missing and outcome.values:
        more.append(f"{len(outcome.missing)} of {len(outcome.cell.seeds)} runs missing")
    return "; ".join([outcome.verdict.text, *more])


def other_epoch(outcome: Outcome) -> str:
    """`last 72.61, best 72.80`, both of the same runs."""
    sample, other, cell = outcome.sample, outcome.best, outcome.cell
    if sample is None or other is None or isinstance(cell.epoch, float):
        return DASH
    pair = (sample.mean, other) if cell.epoch == "last" else (other, sample.mean)
    last, best = (number(value, cell.metric) for value in pair)
    return f"{last} / {best}"


def cost(outcome: Outcome) -> str:
    """Hours and kWh (where all tell) of the cell's runs, and gradient evaluations of one.

    Those are multiples of the training set (docs/evaluation.md), as the words say.
    """
    costs = [record.head["cost"] for record in outcome.records if record.failed is None]
    if not costs:
        return DASH
    hours = sum(one["seconds"] for one in costs) / 3600
    gradients = Sample(tuple(one["gradient_evaluations"] for one in costs)).mean
    devices = [record.head["device"] for record in outcome.records if record.failed is None]
    kind = "h" if any(name.startswith(("cpu", "mps")) for name in devices) else "GPU-h"
    time = f"{hours:.3g} {kind}" if hours >= 0.01 else f"{3600 * hours:.1f} s"
    energy = [one["kwh"] for one in costs if "kwh" in one]
    kwh = f", {sum(energy):.3g} kWh" if len(energy) == len(costs) else ""
    return f"{time}, gradients of {gradients:.4g} training sets{kwh}"


def head(table: Table) -> list[str]:
    """Names of the columns of `line`."""
    against = [f"against {table.baseline}, ours"] if table.baseline else []
    return [
        *((table.rows or "row"), "column", "ours ± sd (n)", "reported"),
        *("difference [95 % CI]", "verdict", *against, "last / best", "selected on", "cost"),
    ]


def line(table: Table, outcome: Outcome) -> list[str]:
    """The columns of one cell."""
    cell, judged = outcome.cell, outcome.verdict
    against = [gain(outcome.gain, cell.metric)] if table.baseline else []
    row = f"{cell.panel}: {cell.row}" if cell.panel else cell.row
    return [
        *(row, cell.column, ours(outcome), reported(cell.reported, cell.metric, cell.aggregate)),
        *(interval(judged.difference, judged.interval, cell.metric), verdict(outcome), *against),
        *(other_epoch(outcome), outcome.selected_on, cost(outcome)),
    ]


def caption(table: Table) -> str:
    """What the numbers are and where the reported ones come from."""
    metrics = ", ".join(dict.fromkeys(_metric(cell) for cell in table.cells))
    scaled = " Scaled-down: no row of a paper." if table.scaled_down else ""
    return f"{table.title}: {metrics}. Reported: {table.source}.{scaled}"


def without_empty_columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows, the first their head, without the columns in which no row says anything."""
    said = [
        any(entry not in ("", DASH) for entry in column[1:]) for column in zip(*rows, strict=True)
    ]
    return [[entry for entry, kept in zip(row, said, strict=True) if kept] for row in rows]


def _metric(cell: Cell) -> str:
    name = cell.metric.removeprefix("line:")
    percent = " (%)" if cell.metric in ("accuracy", "accuracy5", "error", "error5") else ""
    return f"{cell.part if name == cell.metric else 'logged'} {name}{percent}"
