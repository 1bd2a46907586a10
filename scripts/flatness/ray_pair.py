"""Rays from two solutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from curve import scorer

from basin.analysis.arrays import beside, write_arrays
from basin.analysis.flatness_pictures import draw_rays
from basin.analysis.slices import rays
from basin.core.solutions import solution_file
from flatness.measuring import opened
from flatness.options import Options


def two_solutions(options: Options) -> None:
    """Rays from two solutions, on the data of the first."""
    numbers, picture = beside(options.out, ".npz"), beside(options.out, ".png")
    run = opened(Path(options.rays[0]), options)
    measure = scorer(run, 0.0, False, options.train, options.test)
    ts = np.linspace(0, options.distance, options.points)
    found = {}
    for place in options.rays:
        network = run.other(solution_file(Path(place)))
        with run.precision.autocast(cache=False):
            found[place] = rays(
                network, measure, ts=ts.tolist(), count=options.directions, seed=options.seed
            )
        for t, loss, error in zip(
            ts, found[place]["train_loss"].mean(0), found[place]["test_error"].mean(0), strict=True
        ):
            print(f"{place}  t {t:.4g}  train loss {loss:.4f}  test error {error:.2f} %")
    arrays = {
        f"{name}_{i}": array
        for i, values in enumerate(found.values())
        for name, array in values.items()
    }
    write_arrays(numbers, {"ts": ts, "solutions": options.rays, **arrays})
    draw_rays(ts, found, picture, "rays from two solutions")
    print(f"numbers: {numbers}\npicture: {picture}")
