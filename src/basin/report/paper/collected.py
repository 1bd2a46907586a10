"""What of a run folder belongs in a record: numbers, and nothing of the person or the machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from basin.report.paper.recipe import work
from basin.report.paper.records import FORMAT, NAME, Record, Unreadable

DIGITS = 6
"""Significant digits of a curve; results at the end of a run have all of theirs."""
HEAD = ("run", "identity", "numerics", "seed", "exact", "results", "cost")
REST = ("settings", "dataset", "environment", "seeds", "skipped_files")
OF_ENVIRONMENT = ("numerics", "device", "commit")
SPENT = {"epochs": "epoch", **{key: key for key in ("gradient_evaluations", "seconds")}}
"""Of the cost of a run that failed, and the entries of its last line."""
OF_MACHINE = ("device", "logger", "results", "rerun", "runtime")
"""Settings of a run that failed which say nothing of what it is."""
PATH = re.compile(r"(?<![\w.])~?(/[\w.+@-]+){2,}/?")


def read_run(folder: Path) -> Record | None:
    """The record of a run that ended, well or not; None of one that may go on."""
    file = folder / "record.json"
    if not file.exists():
        return _failed(folder)
    try:
        whole = json.loads(file.read_text())
        head = {"format": FORMAT, **{key: whole[key] for key in HEAD}, "failed": None}
        head["device"] = whole["computed"]["device"]
        head["commit"] = whole["environment"]["commit"]
        head["work"] = work(whole["settings"])
    except (ValueError, KeyError, TypeError):
        raise _damaged(file) from None
    return Record(head, partial(rest_of, folder), stored=False)


def rest_of(folder: Path) -> dict[str, Any]:
    """Settings, stages, data, environment and curves of a run folder."""
    from basin.report.runs import read_lines  # with torch, which a record file does not need

    metrics = folder / "metrics.jsonl"
    try:
        curves = columns(read_lines(metrics))
    except (ValueError, AttributeError):
        raise _damaged(metrics) from None
    file = folder / "record.json"
    if not file.exists():
        settings = yaml.safe_load((folder / "config.yaml").read_text())
        kept = {key: value for key, value in settings.items() if key not in OF_MACHINE}
        environment = _without_paths(_json(folder / "environment.json"))
        return {"settings": _without_paths(kept), "environment": environment, "curves": curves}
    whole = json.loads(file.read_text())
    rest = {key: _without_paths(whole[key]) for key in REST if key in whole}
    rest["computed"] = whole["computed"]
    rest["stages"] = {
        name: {
            "identity": stage["identity"],
            "changes": _without_paths(
                {k: v for k, v in stage["settings"].items() if v != whole["settings"].get(k)}
            ),
        }
        for name, stage in whole["stages"].items()
    }
    return {**rest, "curves": curves}


def columns(lines: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Lines of metrics.jsonl as a list for each dotted name; null where a line has none."""
    flat = [dict(_flat(line, "")) for line in lines]
    names = dict.fromkeys(name for line in flat for name in line)
    return {name: [line.get(name) for line in flat] for name in names if name != "t"}


def _flat(node: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        elif isinstance(value, float):
            yield f"{path}{key}", float(f"{value:.{DIGITS}g}")
        elif isinstance(value, int):
            yield f"{path}{key}", value


def _failed(folder: Path) -> Record | None:
    """A run whose own error ended it; it counts, and is named."""
    match, status = NAME.fullmatch(folder.name), _json(folder / "status.json")
    if match is None or status.get("state") != "failed":
        return None
    environment = _json(folder / "environment.json")
    head: dict[str, Any] = {
        "format": FORMAT,
        "run": folder.name,
        "identity": match["identity"],
        "seed": int(match["seed"]),
        "results": {},
        "cost": _spent(folder / "metrics.jsonl"),
        "failed": PATH.sub("(a path)", status.get("error", "failed")),
        **{key: environment[key] for key in OF_ENVIRONMENT if key in environment},
    }
    return Record(head, partial(rest_of, folder), stored=False)


def _spent(file: Path) -> dict[str, float]:
    """The cost of a run that failed, as far as its last evaluation."""
    lines = file.read_text().splitlines() if file.exists() else []
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):  # the last may be half a line
            last = json.loads(line)
            return {name: last[key] for name, key in SPENT.items()}
    return {}


def _json(file: Path) -> dict[str, Any]:
    """What an object of a file has; nothing where there is no file."""
    try:
        found = json.loads(file.read_text()) if file.exists() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _damaged(file)
    return found


def _damaged(file: Path) -> Unreadable:
    return Unreadable(f"{file} is damaged; rerun=true trains the run anew")


def _without_paths(value: Any) -> Any:
    """Settings whose absolute paths are names: they say where a machine keeps its files."""
    if isinstance(value, dict):
        return {key: _without_paths(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_paths(entry) for entry in value]
    absolute = isinstance(value, str) and value.startswith(("/", "~"))
    return Path(value).name if absolute else value
