"""Scheduled fields over a run, of several configurations side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from basin.report.curves import PALETTE

COLUMNS = 4


@dataclass(frozen=True)
class Scheduled:
    """What the fields of one configuration are at its updates."""

    name: str
    fields: Mapping[str, Sequence[tuple[float, float]]]  # (epochs before it, value) of updates
    stages: Sequence[float]  # epochs at which later stages begin


def draw_schedules(runs: Sequence[Scheduled], output: Path) -> None:
    """A PNG: a panel for each field of each configuration; a field has one scale in all of them."""
    names = list(dict.fromkeys(name for run in runs for name in run.fields))
    columns = min(COLUMNS, len(runs))
    bands = -(-len(runs) // columns)
    width = 7.5 if columns == 1 else 3.6 * columns
    figure = Figure(figsize=(width, 2.4 * bands * len(names) + 0.5), dpi=120, layout="constrained")
    panels = figure.subplots(bands * len(names), columns, squeeze=False)
    for axes in panels.flat:
        axes.set_visible(False)
    for number, run in enumerate(runs):
        band, column = divmod(number, columns)
        for row, name in enumerate(names):
            axes = panels[band * len(names) + row, column]
            if name in run.fields:
                _panel(axes, run, name)
                axes.set_title(fill(run.name, 44) if row == 0 else "", fontsize=8)
            axes.set_xlabel("epoch" if row == len(names) - 1 else "")
    for row, name in enumerate(names):
        _one_scale([a for band in range(bands) for a in panels[band * len(names) + row]], name)
    figure.savefig(output)


def _panel(axes: Any, run: Scheduled, name: str) -> None:
    axes.set_visible(True)
    axes.plot(
        *zip(*run.fields[name], strict=True),
        color=PALETTE[0],
        linewidth=1.2,
        drawstyle="steps-post",
    )
    for begin in run.stages:
        axes.axvline(begin, color="0.6", linewidth=0.8, linestyle=":")
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _one_scale(panels: Sequence[Any], name: str) -> None:
    """The same axis, from 0 on, in every panel of a field."""
    shown = [axes for axes in panels if axes.get_visible()]
    highest = max((max(line.get_ydata()) for a in shown for line in a.lines[:1]), default=1.0)
    for axes in shown:
        axes.set_ylim(0, 1.05 * highest if highest > 0 else 1.0)
    shown[0].set_ylabel(name)
