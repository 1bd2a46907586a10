"""Curves of several runs over each other: training loss, test score, learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basin.report.runs import AXES, Run, metrics

STYLES: tuple[Any, ...] = ("-", "--", ":", "-.")
"""Of solutions, again from the first where there are more: the last iterate is solid."""
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which tell apart to the colour-blind; then a continuous map."""


def draw(runs: Sequence[Run], names: Sequence[str], output: Path, *, against: str) -> None:
    """A picture of three panels over one axis (AXES); a run has a colour, a solution a style."""
    solutions = list(dict.fromkeys(name for run in runs for name in run.solutions))
    texts = [fill(name, 80, subsequent_indent="    ") for name in names]
    legend_height = 0.2 * (sum(text.count("\n") + 1 for text in texts) + len(solutions))
    figure = Figure(figsize=(7.5, 7.6 + legend_height), dpi=130, layout="constrained")
    loss, test, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.6))
    colours = palette(len(runs))
    styles = {name: STYLES[i % len(STYLES)] for i, name in enumerate(solutions)}
    for run, colour in zip(runs, colours, strict=True):
        _line(loss, run.curve("train", "loss", against=against), colour, "-")
        _line(rate, run.curve("lr", against=against), colour, "-")
        for solution in run.solutions:
            keys = ("solutions", solution, "test", *metrics([run]))
            points = run.curve(*keys, against=against)
            _line(test, points, colour, styles[solution])
    _axis(loss, "training loss", logarithmic=True)
    score = ", ".join(metrics(runs))
    percent = score in ("", "error")
    _axis(test, "test error (%)" if percent else f"test {score}", logarithmic=not percent)
    _axis(rate, "learning rate", logarithmic=False)
    rate.set_xlabel(AXES[against].label)
    _legend(figure, texts, colours, styles, score or "error")
    figure.savefig(output)


def palette(num: int) -> list[Any]:
    """A colour for each run."""
    if num <= len(PALETTE):
        return list(PALETTE[:num])
    return [matplotlib.colormaps["viridis"](i / (num - 1)) for i in range(num)]


def _line(axes: Any, points: tuple[list[float], list[float]], colour: Any, style: Any) -> None:
    """A curve; few points are marked, and one alone would not be seen otherwise."""
    marker = "o" if len(points[0]) <= 12 else ""
    axes.plot(*points, color=colour, linestyle=style, marker=marker, markersize=3.5, linewidth=1.4)


def _axis(axes: Any, label: str, *, logarithmic: bool) -> None:
    axes.set_ylabel(label)
    drawn = [value for line in axes.lines for value in line.get_ydata()]
    if logarithmic and drawn and min(drawn) > 0 and max(drawn) > 5 * min(drawn):
        axes.set_yscale("log")
    elif drawn:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(
    figure: Figure,
    texts: list[str],
    colours: Sequence[Any],
    styles: Mapping[str, Any],
    score: str,
) -> None:
    """Runs by colour and, where there are several, solutions by style, above the panels."""
    handles = [Line2D([], [], color=c, linewidth=2.5) for c in colours]
    if len(styles) > 1:
        handles += [Line2D([], [], color="0.3", linestyle=style) for style in styles.values()]
        texts = texts + [f"{name} (test {score})" for name in styles]
    columns = 1 if max(map(len, texts)) > 40 else 2
    figure.legend(handles, texts, loc="outside upper left", ncols=columns, frameon=False)
