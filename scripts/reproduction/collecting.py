"""Finished runs into results/records, from which every table can be made anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.records import write_record
from reproduction.reading import State
from reproduction.request import Request


def collect(state: State, request: Request) -> list[Path]:
    """Files of the runs that had none; a run of several tables is in the folder of the first."""
    written: dict[str, Path] = {}
    points = _points(state.tables)
    for table, outcomes in state.tables:
        for outcome in outcomes:
            for record in outcome.records:
                wanted = not request.seeds or record.seed in request.seeds
                if wanted and not record.stored and record.name not in written:
                    folder = request.results / "records" / table.paper
                    own = points[record.head["identity"]]
                    written[record.name] = write_record(folder, record, own)
    return list(written.values())


def _points(tables: list[tuple[Table, list[Outcome]]]) -> dict[str, list[dict[str, Any]]]:
    """By identity, every (experiment, overrides) that is this run now."""
    points: dict[str, list[dict[str, Any]]] = {}
    for _, outcomes in tables:
        for one in outcomes:
            if one.experiment is not None:
                own = points.setdefault(one.experiment.recipe.identity, [])
                point = {"experiment": one.cell.experiment, "overrides": list(one.cell.overrides)}
                if point not in own:
                    own.append(point)
    return points
