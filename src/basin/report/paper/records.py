"""Records of runs: small committed files that tables read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basin.core.files import to_json, write_atomically

FORMAT = 2
"""Of a record file; a newer one is refused."""
NAME = re.compile(r"(?P<run>.+_(?P<identity>[0-9a-f]{10}))-s(?P<seed>\d+)")
OF_HEAD = {"format": int, "run": str, "identity": str, "seed": int, "results": dict, "cost": dict}


class Unreadable(ValueError):
    """A record is damaged, or has not what a cell reads."""


@dataclass(frozen=True)
class Record:
    """A run that has ended. `head` is read at once, `rest` (settings, curves) when asked for."""

    head: dict[str, Any]
    load: Callable[[], dict[str, Any]]
    stored: bool  # in a record file, not in a run folder only

    @property
    def name(self) -> str:
        """Of the run."""
        return str(self.head["run"])

    @property
    def seed(self) -> int:
        """Of the run."""
        return int(self.head["seed"])

    @property
    def failed(self) -> str | None:
        """Its error, where it did not get to its end."""
        error: str | None = self.head.get("failed")
        return error

    @property
    def rest(self) -> dict[str, Any]:
        """settings, dataset, environment, curves as columns by dotted name; read at each call."""
        return self.load()

    @property
    def curves(self) -> dict[str, list[Any]]:
        """Every number of every evaluation."""
        columns: dict[str, list[Any]] = self.rest["curves"]
        return columns


def read_record(file: Path) -> Record:
    """The head of a record file. Raises Unreadable where it is none, cut, or of a newer format."""
    try:
        with file.open("rb") as lines:
            first = lines.readline().decode().rstrip()
            lines.seek(max(lines.seek(0, os.SEEK_END) - 2, 0))
            ends = lines.read().rstrip().endswith(b"}")
        head = json.loads(first[:-1] + "}" if first.endswith(",") else first)
        number = head["format"]
        newer = number > FORMAT
        complete = ends and all(isinstance(head.get(key), kind) for key, kind in OF_HEAD.items())
        complete &= isinstance(head.get("device" if head.get("failed") is None else "failed"), str)
    except (ValueError, KeyError, TypeError):
        raise _damaged(file) from None
    if newer:
        raise Unreadable(f"{file} has format {number}, this version reads up to {FORMAT}")
    if not complete:
        raise _damaged(file)
    return Record(head, lambda: _rest(file, head), stored=True)


def write_record(folder: Path, record: Record, cells: list[dict[str, Any]]) -> Path:
    """One JSON object in three lines, so that the first alone tells a table what it needs."""
    head = {**record.head, "cells": cells}
    whole = record.rest
    rest = {key: value for key, value in whole.items() if key != "curves"}
    parts = (head, rest, {"curves": whole["curves"]})
    lines = [to_json(part)[1:-1] for part in parts if part]
    file = folder / f"{record.name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, "{" + ",\n".join(lines) + "}\n")
    return file


def _rest(file: Path, head: dict[str, Any]) -> dict[str, Any]:
    try:
        whole: dict[str, Any] = json.loads(file.read_text())
    except ValueError:
        raise _damaged(file) from None
    rest = {key: value for key, value in whole.items() if key not in head}
    if not _whole(rest.get("curves"), of_failed=head.get("failed") is not None):
        raise _damaged(file)
    return rest


def _whole(curves: Any, *, of_failed: bool) -> bool:
    """Whether they are columns of one length, with the moments that a comparison needs."""
    if not isinstance(curves, dict) or not all(isinstance(c, list) for c in curves.values()):
        return False
    if len({len(column) for column in curves.values()}) > 1:
        return False
    return of_failed or curves.keys() >= {"epoch", "gradient_evaluations"}


def _damaged(file: Path) -> Unreadable:
    return Unreadable(f"{file} is damaged; delete it, and collect the run again")
