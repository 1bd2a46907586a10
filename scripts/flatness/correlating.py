"""Rank correlation of every measure with the test error, over runs."""

from __future__ import annotations

from functools import partial

import numpy as np

from basin.analysis.arrays import beside, write_arrays
from basin.analysis.correlation import Correlation, correlate
from basin.analysis.flatness_pictures import draw_correlations
from basin.analysis.landscape import Landscape
from basin.experiment.ensembles import check_same_data, read_run
from flatness.measuring import files_of, measured, opened
from flatness.options import Options


def correlate_runs(options: Options) -> None:
    """Rank correlations over runs."""
    numbers, picture = beside(options.out, ".npz"), beside(options.out, ".png")
    files = files_of("correlate", options.correlate, options)
    check_same_data([read_run(str(file.parent), results=options.results) for file in files])
    errors, rows = [], []
    for place in options.correlate:
        print(place)
        run = opened(place, options)
        test = partial(run.test, limit=options.test)
        landscape = Landscape(run.solution(), run.objective, test)
        errors.append(landscape.score(landscape.origin).error)
        rows.append(measured(run, options).numbers)
    measures = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    found = correlate(measures, np.array(errors), resamples=options.resamples, seed=options.seed)
    print(
        "\n".join(
            [f"\n{'':36} Kendall (95 %)           Spearman (95 %)", *map(line, found.items())]
        )
    )
    write_arrays(numbers, {"runs": options.correlate, "test_error": errors, **measures})
    draw_correlations(found, picture, f"{len(rows)} runs")
    print(f"numbers: {numbers}\npicture: {picture}")


def line(item: tuple[str, Correlation]) -> str:
    """A measure's correlations."""
    name, value = item
    ends = "{:+.2f} [{:+.2f}, {:+.2f}]"
    kendall = ends.format(value.kendall, *value.kendall_interval)
    spearman = ends.format(value.spearman, *value.spearman_interval)
    return f"{name:36} {kendall:24} {spearman}"
