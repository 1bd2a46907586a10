"""Loss and error over the plane through three networks, with BN statistics of every point.

    python scripts/plane.py run=<a run of model=curve> [field=value ...]
    python scripts/plane.py runs=[A,B,C] [field=value ...]

Each of them is RUN or RUN/SOLUTION: a run folder, or its name in results=results/runs.

run           a curve: the plane through its ends and its middle bend; the curve is drawn
runs          three networks of one shape; data are those of the first
points        grid points on each side (21)
margin        on every side, in units of the triangle's width and height (0.2)
curve_points  equidistant t at which the curve is projected (61)
augmented     training images as in training (true), else plain
train, test   examples of each part that are looked at; null (the default) for all
weight_decay  of the L2 term in the loss; null: the (first) run's
device        auto | cpu | cuda | cuda:N | mps
out           OUT.npz has every number, OUT.png is the picture (plane)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from curve import curve_of, decay_of, scorer
from options import command
from torch import nn

from basin.analysis.arrays import beside, write_arrays
from basin.analysis.pictures import draw_plane
from basin.analysis.plane import Plane, axis, over, projected
from basin.analysis.vectors import weights_of
from basin.core.reader import quietly
from basin.core.solutions import place_of, solution_file
from basin.experiment.finished import FinishedRun
from basin.model.curve import Curve


@dataclass
class Options:
    """See the module's text."""

    run: str | None = None
    runs: list[str] = field(default_factory=list)
    points: int = 21
    margin: float = 0.2
    curve_points: int = 61
    augmented: bool = True
    train: int | None = None
    test: int | None = None
    weight_decay: float | None = None
    device: str = "auto"
    results: str = "results/runs"
    out: str = "plane"


@dataclass
class Scene:
    """Three networks, and the curve that they are points of, where there is one."""

    run: FinishedRun  # whose data are looked at
    corners: list[nn.Module]
    names: tuple[str, str, str]
    curve: Curve | None


def evaluate(options: Options) -> None:
    """Score the grid and write the files."""
    if options.points < 2 or options.margin < 0 or options.curve_points < 2:
        raise ValueError("points= and curve_points= are 2 or more, and margin= is 0 or more")
    numbers, picture = beside(options.out, ".npz"), beside(options.out, ".png")
    scene = scene_of(options)
    run = scene.run
    plane = Plane(*(weights_of(network) for network in scene.corners))
    data = {"corners": projected(plane, scene.corners)[:, :2]}
    if scene.curve is not None:
        data |= on_curve(scene.curve, plane, options.curve_points)
    axes = [axis(side, options.points, options.margin) for side in (plane.width, plane.height)]
    decay = decay_of(run, options.weight_decay)
    scores = scorer(run, decay, options.augmented, options.train, options.test)
    with run.precision.autocast(cache=False):
        data |= over(plane, axes, scene.corners[0], scores, partial(print, flush=True))
    sides = {"width": plane.width, "height": plane.height}
    write_arrays(numbers, {**sides, "weight_decay": decay, **data})
    draw_plane(data, picture, run.path.name, scene.names)
    print(f"numbers: {numbers}\npicture: {picture}")


def scene_of(options: Options) -> Scene:
    """What is asked for; ValueError where it is not three networks of one shape."""
    if bool(options.run) == bool(options.runs):
        raise ValueError("give run=<a curve> or runs=[A,B,C], one of the two")
    if options.run:
        run = FinishedRun(place_of(options.run, results=options.results), device=options.device)
        curve = curve_of(run)
        num = len(curve.points)
        if num < 3:
            raise ValueError(f"{run.path} has no bends: it lies on a line, which spans no plane")
        corners = [curve.point(j) for j in (0, num - 1, num // 2)]
        return Scene(run, corners, ("start", "end", "bend"), curve)
    if len(options.runs) != 3:
        raise ValueError(f"runs={options.runs} are {len(options.runs)} networks, not 3")
    places = [place_of(place, results=options.results) for place in options.runs]
    files = [solution_file(place) for place in places]
    run = FinishedRun(places[0], device=options.device)
    corners = [run.other(file) for file in files]
    return Scene(run, corners, ("1", "2", "3"), None)


def on_curve(curve: Curve, plane: Plane, num: int) -> dict[str, np.ndarray]:
    """Projections (T, 3) of points and (M, 3) of control points: x, y, distance from the plane."""
    ts = np.linspace(0, 1, num)
    return {
        "ts": ts,
        "curve": projected(plane, (curve.at(float(t)) for t in ts)),
        "controls": projected(plane, (curve.point(j) for j in range(len(curve.points)))),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(Options, evaluate, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(quietly(main))
