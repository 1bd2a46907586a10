"""Pictures of curves, planes and spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

BLUE, ORANGE = "#0072b2", "#d55e00"
LEVELS = 12
"""Contours of a panel."""
SHOWN = 10.0
"""The heat map ends this many times as far above the least value as the median is."""
FLAT = 0.4
"""A plane whose sides have a smaller ratio is drawn with a unit for each axis."""


def draw_path(points: dict[str, np.ndarray], output: Path, title: str) -> None:
    """Losses above errors, training and test part, over t."""
    figure = Figure(figsize=(7.5, 6.2), dpi=130, layout="constrained")
    loss, error = figure.subplots(2, 1, sharex=True)
    panels = ((loss, "loss", "loss (NLL + L2 term)"), (error, "error", "error (%)"))
    for axes, name, label in panels:
        for part, colour in (("train", BLUE), ("test", ORANGE)):
            axes.plot(points["ts"], points[f"{part}_{name}"], color=colour, label=part, marker=".")
            axes.plot(points["ts"][[0, -1]], points[f"{part}_{name}"][[0, -1]], "o", color=colour)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        plain(axes)
    loss.set_title(title, fontsize=10)
    loss.legend(frameon=False)
    error.set_xlabel("t")
    figure.savefig(output)


def draw_plane(
    data: dict[str, np.ndarray], output: Path, title: str, names: tuple[str, str, str]
) -> None:
    """Training loss and test error over a plane, as heat map with contours.

    data: `grid` and scores of basin.analysis.plane.over, `corners` (3, 2), and of a curve its
    `curve` (T, 2) and `controls` (M, 2); `names` are those of the corners.
    """
    ratio = np.ptp(data["grid"][..., 1]) / np.ptp(data["grid"][..., 0])
    flat = ratio < FLAT or ratio > 1 / FLAT
    size = (13.0, 5.2 if flat else min(9.0, 1.4 + 5.2 * ratio))
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, score, label in zip(
        panels, ("train_loss", "test_error"), ("training loss", "test error (%)"), strict=True
    ):
        heat(figure, axes, data["grid"], data[score])
        _marks(axes, data, names)
        axes.set_aspect("auto" if flat else "equal")
        axes.set_xlabel("distance along the first two networks")
        axes.set_title(label, fontsize=10)
    panels[0].set_ylabel("distance from the line through them")
    figure.suptitle(title, fontsize=10)
    figure.savefig(output)


def heat(figure: Figure, axes: Any, grid: np.ndarray, values: np.ndarray) -> None:
    """Colours and contours at geometric steps above the least value, as far as they tell."""
    finite = values[np.isfinite(values)]
    low = float(finite.min())
    above = np.where(np.isfinite(values), values, finite.max()) - low
    positive = above[above > 0]
    if not len(positive):
        return
    least = float(np.quantile(positive, 0.02))
    most = float(min(positive.max(), SHOWN * np.quantile(positive, 0.5)))
    if most <= least:
        most = least * 1.001
    levels = np.geomspace(least, most, LEVELS)
    xs, ys = grid[..., 0], grid[..., 1]
    shown = np.clip(above, least, None)
    norm: Normalize = LogNorm(least, most)
    mesh = axes.contourf(
        xs, ys, shown, levels=levels, norm=norm, cmap="viridis_r", extend="both", alpha=0.85
    )
    axes.contour(xs, ys, shown, levels=levels, colors="white", linewidths=0.5)
    bar = figure.colorbar(mesh, ax=axes, ticks=levels[::2], shrink=0.9)
    bar.ax.set_yticklabels([f"{low + level:.3g}" for level in levels[::2]])
    bar.ax.minorticks_off()


def _marks(axes: Any, data: dict[str, np.ndarray], names: tuple[str, str, str]) -> None:
    """The three networks, and the curve with its control points where there is one."""
    corners = data["corners"]
    if "curve" in data:
        axes.plot(*data["curve"][:, :2].T, color="black", linewidth=2.2)
        axes.plot(*data["controls"][:, :2].T, color="black", linestyle=":", linewidth=1.0)
        axes.plot(*data["controls"][1:-1, :2].T, "D", color="white", markeredgecolor="black")
    axes.plot(*corners[:2].T, "o", color="black", markersize=7)
    if "curve" not in data:
        axes.plot(*corners[2:].T, "o", color="black", markersize=7)
    for (x, y), name in zip(corners, names, strict=True):
        axes.annotate(
            name,
            (x, y),
            xytext=(5, 6),
            textcoords="offset points",
            fontsize=9,
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1},
        )


def draw_spectrum(values: np.ndarray, weights: np.ndarray, output: Path, title: str) -> None:
    """The density of eigenvalues (K,) of weights (K,), each as a narrow normal, in logarithm."""
    figure = Figure(figsize=(7.5, 4.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    span = float(np.ptp(values)) or 1.0
    width = 0.01 * span
    xs = np.linspace(values.min() - 0.05 * span, values.max() + 0.05 * span, 1000)
    kernel = np.exp(-0.5 * ((xs[:, None] - values) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    density = kernel @ weights
    axes.semilogy(xs, density, color=BLUE)
    axes.fill_between(xs, density, 1e-12, color=BLUE, alpha=0.2)
    axes.set_ylim(max(density.max() * 1e-8, density[density > 0].min()), 3 * density.max())
    axes.axvline(0, color="0.5", linewidth=0.8)
    axes.set_xlabel("eigenvalue of the Hessian")
    axes.set_ylabel("density")
    axes.set_title(title, fontsize=10)
    plain(axes)
    figure.savefig(output)


def plain(axes: Any) -> None:
    """A light grid, and no frame above and to the right."""
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
