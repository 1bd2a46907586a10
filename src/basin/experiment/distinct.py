"""What counts once in an ensemble: a network, and the training of a trunk that runs share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from basin.experiment.ensembles import Finished

COSTS = ("gradient_evaluations", "forward_only")


def check_networks(runs: Sequence[Finished], solutions: Sequence[Sequence[str]]) -> None:
    """Raise ValueError for a network that is listed twice, and for a curve without a t.

    solutions: those that are taken of each run.
    """
    seen: set[tuple[str, str]] = set()
    for run, taken in zip(runs, solutions, strict=True):
        for name in taken:
            _check_curve(run, name)
            for file in run.files(name):
                network = str(run.path.resolve()), file
                if network in seen:
                    raise ValueError(
                        f"{file} of {run.path} is in the ensemble twice: every network counts"
                        " once; list a run, a solution and its members once"
                    )
                seen.add(network)


def repeated(runs: Sequence[Finished], solutions: Sequence[Sequence[str]]) -> list[list[str]]:
    """Networks of other names whose weights are bitwise the same, as lists of RUN/SOLUTION."""
    places: dict[str, list[str]] = {}
    for run, taken in zip(runs, solutions, strict=True):
        for file in (file for name in taken for file in run.files(name)):
            weights = run.path / f"{file}.safetensors"
            if weights.is_file():
                with weights.open("rb") as content:
                    digest = hashlib.file_digest(content, "sha256").hexdigest()
                places.setdefault(digest, []).append(f"{run.path.name}/{file}")
    return [same for same in places.values() if len(same) > 1]


def total_cost(runs: Sequence[Finished]) -> dict[str, float]:
    """Of all runs, where a stage of the same identity and seed counts once, whoever trained it.

    A record that does not say what its stages cost counts as a whole.
    """
    parts: dict[tuple[str, Any], dict[str, float]] = {}
    for run in runs:
        before = dict.fromkeys(COSTS, 0.0)
        for identity, until in _ends(run):
            added = {key: until[key] - before[key] for key in COSTS}
            parts.setdefault((identity, run.record["seed"]), added)
            before = until
    return {key: sum(part[key] for part in parts.values()) for key in COSTS}


def _ends(run: Finished) -> list[tuple[str, dict[str, float]]]:
    """(identity, cost until its end) of each stage, in order."""
    cost: dict[str, float] = run.record["cost"]
    stages = list(run.record["stages"].values())
    if any(stage.get("spent") is None for stage in stages):
        return [(run.record["identity"], cost)]
    ends = [(stage["identity"], stage["spent"]) for stage in stages[:-1]]
    return [*ends, (run.record["identity"], cost)]


def _check_curve(run: Finished, solution: str) -> None:
    if solution == "last" and str(run.settings["model"]["_target_"]).endswith(".curve.Curve"):
        names = ", ".join(name for name in run.record["results"] if name != "last")
        raise ValueError(
            f"last of {run.path} is a curve with running statistics of all its points, and no"
            f" network; give solution= one of {names or '(none: its model.report is empty)'}"
        )
