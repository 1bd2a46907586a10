"""Accuracy and loss against the learning rate of a range test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from basin.analysis.lr_range import Measurement, Suggestion, smoothed

BLUE, RED = "#0072b2", "#d55e00"


def draw(
    points: Sequence[Measurement],
    suggestion: Suggestion | None,
    output: Path,
    *,
    logarithmic: bool,
    part: str,
) -> None:
    """A PNG of two panels; measured points, their smoothed curve, and the suggested bounds."""
    figure = Figure(figsize=(7.5, 6), dpi=120, layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    rates = [point.lr for point in points]
    curves = (
        ([point.accuracy for point in points], f"{part} accuracy (%)", BLUE),
        ([point.loss for point in points], "training loss", RED),
    )
    for axes, (values, label, colour) in zip(panels, curves, strict=True):
        axes.plot(rates, values, ".", color=colour, markersize=4, alpha=0.6)
        axes.plot(rates, smoothed(values), color=colour, linewidth=1.5)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if suggestion is not None:
            for rate in (suggestion.base, suggestion.maximum):
                axes.axvline(rate, color="0.4", linewidth=1, linestyle="--")
    if suggestion is not None:
        text = f"suggested: base {suggestion.base:.3g}, maximum {suggestion.maximum:.3g}"
        panels[0].set_title(text, fontsize=10)
    losses = [point.loss for point in points]
    panels[1].set_ylim(0, 1.1 * sorted(losses)[int(0.95 * (len(losses) - 1))])
    if logarithmic:
        panels[1].set_xscale("log")
    panels[1].set_xlabel("learning rate")
    figure.savefig(output)
