"""Pictures of a search: Optuna's own, and the scores of each rung against the final ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import TrialState

BLUE = "#0072b2"


def draw_all(content: Mapping[str, Any], study: optuna.Study, folder: Path) -> list[Path]:
    """PNG files in a folder; Optuna's only where the study has what they show."""
    drawn = [draw_rungs(content, folder / "rungs.png")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        drawn += _optuna(study, folder)
    return drawn


def draw_rungs(content: Mapping[str, Any], file: Path) -> Path:
    """Rank at each rung against rank at the end, 1 the best, of configurations that have both."""
    itself = content["final"] == content["study"]  # the last rung agrees with itself
    rungs = content["rungs"][:-1] if itself else content["rungs"]
    figure = Figure(figsize=(3.2 * len(rungs), 3.4), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(rungs), squeeze=False)[0]
    for axes, rung in zip(panels, rungs, strict=True):
        both = [
            (one["scores"][rung["rung"]], one["final"])
            for one in content["configurations"]
            if one["scores"][rung["rung"]] is not None and one["final"] is not None
        ]
        ranks = [_ranks(side) for side in zip(*both, strict=True)] or [[], []]
        axes.plot(*ranks, "o", color=BLUE, markersize=4)
        rho = rung["agreement"]["spearman"]["value"]
        title = "" if rho is None else f", Spearman {rho:.2f}"
        axes.set_title(f"epochs: {rung['epochs']:g}{title}", fontsize=9)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("rank at this rung")
        axes.grid(alpha=0.3, linewidth=0.6)
    panels[0].set_ylabel(f"rank at the end of {content['final']}")
    figure.savefig(file)
    return file


def _ranks(scores: tuple[float, ...]) -> list[int]:
    return [1 + sum(other < score for other in scores) for score in scores]


def _optuna(study: optuna.Study, folder: Path) -> list[Path]:
    """Scores by rung, and against each field; neither draws a score of inf."""
    from optuna.visualization import matplotlib as plots

    finite = optuna.create_study(direction="minimize")
    for trial in study.get_trials():
        values = {k: v for k, v in trial.intermediate_values.items() if v < float("inf")}
        if values:
            finite.add_trial(
                optuna.create_trial(
                    state=TrialState.COMPLETE,
                    value=values[max(values)],
                    params=trial.params,
                    distributions=trial.distributions,
                    intermediate_values=values,
                )
            )
    if not finite.trials:
        return []
    return [
        _save(plots.plot_intermediate_values(finite), folder / "intermediate_values.png"),
        _save(plots.plot_slice(finite), folder / "slice.png"),
    ]


def _save(axes: Any, file: Path) -> Path:
    first = axes if hasattr(axes, "figure") else axes[0]
    figure = first.figure
    figure.savefig(file, dpi=120, bbox_inches="tight")
    from matplotlib import pyplot

    pyplot.close(figure)
    return file
