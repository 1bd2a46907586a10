"""Scale-invariant training: jumps of the loss, norms, effective rates, and the phase diagram."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from basin.report.curves import palette
from basin.report.runs import Run


def jumps(epochs: Sequence[float], losses: Sequence[float], factor: float) -> list[float]:
    """Epochs at which the loss is above `factor` times its least value since the jump before."""
    found, least = [], float("inf")
    for epoch, loss in zip(epochs, losses, strict=True):
        if loss > factor * least:
            found.append(epoch)
            least = loss
        least = min(least, loss)
    return found


def draw_phases(runs: Sequence[Run], names: Sequence[str], output: Path) -> None:
    """Loss, norm and effective rate over epochs, and gradient over rate (Lobacheva et al. 2021).

    A run has a colour; in the phase diagram a square is its first point, and a dashed line the
    equilibrium of its last rate and decay (`equilibrium`).
    ValueError for a run without these metrics.
    """
    figure = Figure(figsize=(11.0, 7.6), dpi=130, layout="constrained")
    (loss, norm), (rate, phase) = figure.subplots(2, 2)
    for run, name, colour in zip(runs, names, palette(len(runs)), strict=True):
        _, rates = run.curve("effective_lr")
        if not rates:
            raise ValueError(
                f"{run.path} has no norm of scale-invariant weights: its model declares none"
            )
        for axes, keys in ((loss, ("train", "loss")), (norm, ("si_norm",))):
            axes.plot(*run.curve(*keys), color=colour, linewidth=1.3, label=name)
        rate.plot(*run.curve("effective_lr"), color=colour, linewidth=1.3)
        _phase(phase, run, colour)
    for axes, label in ((loss, "training loss"), (norm, "norm"), (rate, "effective learning rate")):
        _axes(axes, "epoch", label)
    loss.set_yscale("log")
    _axes(phase, "effective learning rate", "mean effective gradient norm")
    phase.xaxis.set_minor_formatter(NullFormatter())
    figure.legend(*norm.get_legend_handles_labels(), loc="outside upper left", frameon=False)
    figure.savefig(output)


def equilibrium(run: Run) -> float | None:
    """effective rate x effective gradient norm where the norm stands still: sqrt(1 - (1 - a)^2).

    a = lr weight_decay of the last line, of SGD with L2; None without decay, with momentum, and
    for any other optimizer, which has another equilibrium or none.
    """
    optimizer = run.settings["optimizer"]
    if not optimizer["_target_"].endswith(".SGD") or optimizer.get("momentum"):
        return None
    a = run.lines[-1]["lr"] * (run.settings.get("weight_decay") or 0.0)
    return sqrt(1 - (1 - a) ** 2) if 0 < a < 1 else None


def _phase(axes: Any, run: Run, colour: Any) -> None:
    xs, ys = (run.curve(key)[1] for key in ("effective_lr", "effective_gradient_norm"))
    axes.loglog(xs, ys, ".-", color=colour, linewidth=0.6, markersize=3.5, alpha=0.8)
    axes.loglog(xs[:1], ys[:1], "s", color=colour, markersize=7)
    product = equilibrium(run)
    if product is not None:
        line = np.geomspace(min(xs) / 1.5, max(xs) * 1.5, 2)
        axes.loglog(line, product / line, "--", color=colour, linewidth=1.0)


def _axes(axes: Any, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
