"""Rays from two solutions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from curve import scorer

from basin.analysis.arrays import beside, write_arrays
from basin.analysis.flatness_pictures import draw_rays
from basin.analysis.slices import rays
from flatness.measuring import files_of, opened
from flatness.options import Options


def two_solutions(options: Options) -> None:
    """Rays from two solutions, on the data of the first."""
    numbers, picture = beside(options.out, ".npz"), beside(options.out, ".png")
    files = files_of("rays", options.rays, options)
    run = opened(options.rays[0], options)
    measure = scorer(run, 0.0, False, options.train, options.test)
    ts = np.linspace(0, options.distance, options.points)
    found = {}
    networks = [run.other(file) for file in files]
    for network, name in zip(networks, names(files), strict=True):
        with run.precision.autocast(cache=False):
            found[name] = rays(
                network, measure, ts=ts.tolist(), count=options.directions, seed=options.seed
            )
        for t, loss, error in zip(
            ts, found[name]["train_loss"].mean(0), found[name]["test_error"].mean(0), strict=True
        ):
            print(f"{name}  t {t:.4g}  train loss {loss:.4f}  test error {error:.2f} %")
    arrays = {
        f"{name}_{i}": array
        for i, values in enumerate(found.values())
        for name, array in values.items()
    }
    write_arrays(numbers, {"ts": ts, "solutions": options.rays, **arrays})
    draw_rays(ts, found, picture)
    print(f"numbers: {numbers}\npicture: {picture}")


def names(files: Sequence[Path]) -> list[str]:
    """RUN/SOLUTION without folders; with them where that does not tell the solutions apart."""
    short = [f"{file.parent.name}/{file.stem}" for file in files]
    return short if len({*short}) == len(files) else [str(file.with_suffix("")) for file in files]
