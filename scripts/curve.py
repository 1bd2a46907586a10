"""Loss and error along a trained curve, with BN statistics of every point.

    python scripts/curve.py run=<a run of model=curve> [field=value ...]

run           RUN or RUN/SOLUTION (an average of curves is a curve): a run folder, or its name in
              results=results/runs
points        number of equidistant t (61)
augmented     training images as in training (true), else plain
train, test   examples of each part that are looked at; null (the default) for all
weight_decay  of the L2 term in the loss; null: the run's
device        auto | cpu | cuda | cuda:N | mps
out           OUT.npz has every number, OUT.png is the picture (curve)

Prints the length of the curve and, of each score, its values at the ends, least, greatest and mean
over t (avg) and over arc length (int).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from options import MISSING, command
from torch import nn

from basin.analysis.arrays import beside, write_arrays
from basin.analysis.path import along, statistics, table
from basin.analysis.pictures import draw_path
from basin.analysis.points import SCORES, measure
from basin.core.reader import quietly
from basin.core.solutions import place_of
from basin.experiment.finished import FinishedRun
from basin.model.curve import Curve


@dataclass
class Options:
    """See the module's text."""

    run: str = MISSING
    points: int = 61
    augmented: bool = True
    train: int | None = None
    test: int | None = None
    weight_decay: float | None = None
    device: str = "auto"
    results: str = "results/runs"
    out: str = "curve"


def evaluate(options: Options) -> None:
    """Score the points, write the files and print the table."""
    if options.points < 2:
        raise ValueError(f"points={options.points} is less than 2: the ends are always looked at")
    numbers, picture = beside(options.out, ".npz"), beside(options.out, ".png")
    run = FinishedRun(place_of(options.run, results=options.results), device=options.device)
    curve = curve_of(run)
    decay = decay_of(run, options.weight_decay)
    scores = scorer(run, decay, options.augmented, options.train, options.test)
    ts = np.linspace(0, 1, options.points)
    with torch.no_grad(), run.precision.autocast(cache=False):
        points = along(curve.at, ts.tolist(), scores, partial(print, flush=True))
    found = {
        f"{name}_{key}": value
        for name in SCORES
        for key, value in statistics(points[name], points["dl"]).items()
    }
    length = points["dl"].sum()
    write_arrays(numbers, {"length": length, "weight_decay": decay, **points, **found})
    draw_path(points, picture, run.path.name)
    print(f"\n{table(points)}\n\nnumbers: {numbers}\npicture: {picture}")


def curve_of(run: FinishedRun) -> Curve:
    """The curve of a run; ValueError where its solution is none."""
    curve = run.solution()
    if not isinstance(curve, Curve):
        raise ValueError(f"{run.file} is no curve; give the run of a model=curve and its `last`")
    return curve


def decay_of(run: FinishedRun, given: float | None) -> float:
    """The L2 coefficient that is given, or the run's."""
    return run.weight_decay if given is None else given


def scorer(
    run: FinishedRun, weight_decay: float, augmented: bool, train: int | None, test: int | None
) -> Callable[[nn.Module], dict[str, float]]:
    """Scores of a network on a run's data; ValueError where these have no classes."""
    if run.dataset.score is not None:
        raise ValueError(f"{run.path}: its data have no classes, and its networks no error")
    return partial(
        measure,
        train=partial(run.train, augmented=augmented, limit=train),
        test=partial(run.test, limit=test),
        weight_decay=weight_decay,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(Options, evaluate, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(quietly(main))
