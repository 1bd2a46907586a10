"""Finished runs evaluated again, and as an ensemble: the mean of their softmaxes.

    python scripts/evaluate.py run=RUN [solution=swa]
    python scripts/evaluate.py ensemble=[RUN,RUN,...] [solution=snapshots] [members=[0,2]]

RUN is a run folder, or its name in results=results/runs; RUN/SOLUTION takes that one of it. Every
network counts once: one that is listed twice is refused, and equal weights under two names are
pointed out. So does the cost of a trunk that runs share. An ensemble has a validation part where
all its runs held out the same examples (dataset.validation and seed_subset).

solution  which solutions of every RUN, or a list of them: last, swa, snapshots, a member such as
          fge_0, ...; of run= all of them are evaluated, of ensemble= the last iterate
members   which networks of an ensemble such as snapshots or fge: [0,2]
source    weights; logits, the test logits that runs keep, in float16; auto takes logits of an
          ensemble where they suffice
device    auto | cpu | cuda | ...
root      the folder of the data set, where it is not that of the run
output    a JSON file of what is printed
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from options import command

from basin.core.files import write_json
from basin.core.reader import quietly
from basin.core.scores import score_text
from basin.core.solutions import place_of
from basin.experiment.distinct import check_networks, repeated, total_cost
from basin.experiment.ensembles import Finished, check_same_data, read_run, shared_parts
from basin.experiment.reevaluation import Pool, Prediction, from_logits, from_weights

SOURCES = ("auto", "weights", "logits")


@dataclass
class Options:
    """The words of the command line."""

    run: str | None = None
    ensemble: list[str] | None = None
    solution: Any = None
    members: list[int] | None = None
    source: str = "auto"
    device: str = "auto"
    root: str | None = None
    results: str = "results/runs"
    output: str | None = None


def check(chosen: Options) -> None:
    """Raise ValueError where options contradict each other."""
    if (chosen.run is None) == (chosen.ensemble is None):
        raise ValueError("give run=<a run folder> or ensemble=[<run folders>], one of the two")
    if chosen.ensemble == []:
        raise ValueError("ensemble=[] has no runs")
    if chosen.source not in SOURCES:
        raise ValueError(f"source={chosen.source} is not one of {', '.join(SOURCES)}")


def read(place: str, chosen: Options) -> tuple[Finished, list[str]]:
    """The run of RUN or RUN/SOLUTION, and names of what is taken of it."""
    path = place_of(place, results=chosen.results)
    if path.is_dir() or not (path.parent / "config.yaml").exists():
        run = read_run(place, results=chosen.results)
        return run, solutions_of(run, chosen)
    if chosen.solution is not None:
        raise ValueError(f"solution={chosen.solution} beside {place}, which names one: give either")
    run = read_run(str(path.parent), results=chosen.results)
    return run, solutions_of(run, replace(chosen, solution=path.name))


def solutions_of(run: Finished, chosen: Options) -> list[str]:
    """Names of what is taken of a run."""
    if chosen.solution is None:
        names = list(run.record["results"]) if chosen.run is not None else ["last"]
    else:
        names = [chosen.solution] if isinstance(chosen.solution, str) else list(chosen.solution)
    if chosen.members is None:
        return names
    picked = []
    for name in names:
        files = run.files(name)
        outside = [number for number in chosen.members if not 0 <= number < len(files)]
        if outside or len(files) == 1:
            raise ValueError(
                f"members={chosen.members}: {name} of {run.path} has the members 0 to"
                f" {len(files) - 1}; choose an ensemble by solution="
            )
        picked += [files[number] for number in chosen.members]
    return picked


def predictions(run: Finished, names: list[str], chosen: Options) -> Iterator[Prediction]:
    """From weights or logits, as asked for."""
    if chosen.root is not None:
        dataset = {**run.settings["dataset"], "root": chosen.root}
        run = replace(run, settings={**run.settings, "dataset": dataset})
    source = chosen.source
    if source == "auto":
        stored = chosen.ensemble is not None and all(
            run.stored_logits(name) is not None for name in names
        )
        source = "logits" if stored else "weights"
    if source == "logits":
        return from_logits(run, names)
    return from_weights(run, names, chosen.device)


def evaluate(chosen: Options) -> dict[str, Any]:
    """Scores of every solution that is taken, of the ensemble of them, and the cost."""
    wanted = [chosen.run] if chosen.run is not None else chosen.ensemble
    assert wanted is not None
    read_all = [read(place, chosen) for place in wanted]
    runs, names = [run for run, _ in read_all], [taken for _, taken in read_all]
    check_same_data(runs)
    for run, taken in zip(runs, names, strict=True):
        for name in taken:
            run.files(name)  # every name is right before anything is computed
    if chosen.ensemble is not None:
        check_networks(runs, names)
    pool, rows, passes, parts = Pool(), [], 0, shared_parts(runs)
    for run, taken in zip(runs, names, strict=True):
        for prediction in predictions(run, taken, chosen):
            scores = prediction.score(prediction.logits, prediction.targets)
            row = {"run": run.path.name, "solution": prediction.solution, "part": prediction.part}
            rows.append({**row, "passes": prediction.num, "scores": scores})
            if chosen.ensemble is not None and prediction.part in parts:
                pool.add(prediction)
                passes += prediction.num if prediction.part == "test" else 0
    report: dict[str, Any] = {"solutions": rows}
    if chosen.ensemble is not None:
        report["ensemble"] = {
            "runs": len({run.path for run in runs}),
            "passes": passes,
            "scores": pool.scores(),
        }
        report["ensemble"]["repeated"] = repeated(runs, names)
    report["cost"] = total_cost(runs)
    return report


def text(report: dict[str, Any]) -> str:
    """What is printed."""
    lines = []
    for row in report["solutions"]:
        what = f"{row['run']} {row['solution']}: {row['part']}"
        lines.append(f"{what} {scores_text(row['scores'])}  passes {row['passes']}")
    together = report.get("ensemble")
    if together is not None:
        what = f"ensemble of {together['passes']} networks of {together['runs']} runs"
        for part, scores in together["scores"].items():
            lines.append(f"{what}: {part} {scores_text(scores)}  passes {together['passes']}")
        for same in together["repeated"]:
            lines.append(f"the same weights, counted {len(same)} times: {', '.join(same)}")
    cost = report["cost"]
    lines.append(
        f"cost: {cost['gradient_evaluations']:.4g} gradient evaluations and"
        f" {cost['forward_only']:.4g} forward-only ones of the training set, shared stages once"
    )
    return "\n".join(lines)


def scores_text(scores: dict[str, float]) -> str:
    """`error 4.80 %  error5 0.10 %  NLL ...`, or a data set's own scores."""
    if "error" not in scores:
        return "  ".join(score_text(name, value) for name, value in scores.items())
    return (
        f"error {scores['error']:.2f} %  top-5 {scores['error5']:.2f} %"
        f"  NLL {scores['nll']:.4f}  ECE {scores['ece']:.4f}"
    )


def show(chosen: Options) -> None:
    """Evaluate, print and write."""
    check(chosen)
    report = evaluate(chosen)
    print(text(report))
    if chosen.output is not None:
        write_json(Path(chosen.output), report)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(Options, show, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(quietly(main))
