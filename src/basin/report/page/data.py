"""What the page keeps of cells and runs, deflated: it is read only when a cell is opened."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import yaml

from basin.core.files import to_json
from basin.report.paper import text
from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.records import Record

MOST_POINTS = 400
"""Of a curve on the page; the record has them all."""
DIGITS = 5
SHOWN = ["recipe", "deviations", "paper", "observable"]
"""Fields of an experiment's header."""
RUN_HEAD = ["seed", "run", "final test", "best (epoch)"]
RUN_HEAD += ["epochs", "seconds", "kWh", "device", "commit"]
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def deflated(value: Any) -> str:
    """JSON, deflated, as base64."""
    return base64.b64encode(zlib.compress(to_json(value).encode(), 6)).decode()


def inflated(text_: str) -> Any:
    """The inverse."""
    return json.loads(zlib.decompress(base64.b64decode(text_)))


def run_data(record: Record) -> dict[str, Any]:
    """Curves and a row of numbers of one run."""
    columns, score = record.curves, score_of(record)
    chosen = {"epoch": "epoch", "gradient_evaluations": "gradient_evaluations", "lr": "lr"}
    chosen |= {f"train.{score}": f"train {score}"}
    for name in columns:
        parts = name.split(".")
        if parts[0] == "solutions" and parts[-1] == score:
            chosen[name] = f"{parts[-2]} {'.'.join(parts[1:-2])}"
    kept = {new: _thinned(columns[old]) for old, new in chosen.items() if old in columns}
    return {"seed": record.seed, "columns": kept, "row": _row(record, score)}


def score_of(record: Record) -> str:
    """The headline of its scores; `error` of one that failed."""
    for result in record.head["results"].values():
        return str(next(iter(result["final"]["test"])))
    return "error"


def cell_data(table: Table, outcome: Outcome, configuration: str) -> dict[str, Any]:
    """Everything but the curves that an opened cell shows."""
    cell, experiment, records = outcome.cell, outcome.experiment, outcome.records
    command = " ".join(["python train.py", f"experiment={cell.experiment}", *cell.overrides])
    header = experiment.header.fields if experiment else {}
    judged = outcome.verdict
    numbers = [
        f"ours {text.ours(outcome)}",
        *_named("reported", text.reported(cell.reported, cell.metric, cell.aggregate)),
        *_named("difference", text.interval(judged.difference, judged.interval, cell.metric)),
        text.verdict(outcome),
        f"{cell.solution}, {cell.part} {cell.metric}, selected on {outcome.selected_on}",
        *judged.flags,
    ]
    fields = [(name, header[name]) for name in SHOWN if name in header]
    if outcome.stale:
        fields.append(("Stale records", ", ".join(record.name for record in outcome.stale)))
    return {
        "title": f"{table.title}: {cell.key}",
        "summary": "; ".join(numbers),
        "runs": [record.name for record in records],
        "run_head": RUN_HEAD,
        "score": score_of(records[0]) if records else "error",
        "commands": [f"{command} seed={seed}" for seed in cell.seeds],
        "fields": fields,
        "configuration": configuration,
    }


def configuration_of(outcome: Outcome) -> str:
    """The resolved configuration, as YAML."""
    if outcome.experiment is None:
        return ""
    return yaml.dump(outcome.experiment.recipe.settings, Dumper=DUMPER, sort_keys=False)


def _named(name: str, entry: str) -> list[str]:
    """With its name, where there is one."""
    return [] if entry == text.DASH else [f"{name} {entry}"]


def _row(record: Record, score: str) -> list[str]:
    head, cost = record.head, record.head["cost"]
    finals, bests = [record.failed] if record.failed is not None else [], []
    for name, result in head["results"].items():
        final, best = result["final"], result["best"]
        finals.append(f"{name} {text.number(final['test'][score], score)}")
        if best is not None:
            value = text.number(best["test"][score], score)
            on = ", selected on test" if best["selected_on"] == "test" else ""
            bests.append(f"{name} {value} ({best['epoch']:g}{on})")
    forms = {"epochs": "g", "seconds": ".0f", "kwh": ".3g"}
    return [
        *(str(record.seed), record.name, ", ".join(finals), ", ".join(bests)),
        *(f"{cost[key]:{form}}" if key in cost else "" for key, form in forms.items()),
        head.get("device", ""),
        (head.get("commit") or "unknown")[:10],
    ]


def _thinned(column: list[Any]) -> list[Any]:
    """At most MOST_POINTS of them, the last among them, to a few digits."""
    step = -(-len(column) // MOST_POINTS)
    kept = column[::-1][::step][::-1]
    return [float(f"{v:.{DIGITS}g}") if isinstance(v, float) else v for v in kept]
