"""Pictures of flatness: local energy, slices, rays, and rank correlations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from basin.analysis.correlation import Correlation
from basin.analysis.pictures import BLUE, ORANGE, heat, plain

COLOURS = (BLUE, ORANGE)


def draw_energy(
    sigmas: np.ndarray, found: Mapping[str, Mapping[str, np.ndarray]], output: Path, title: str
) -> None:
    """Loss and error above the unperturbed ones over sigma (S,), by kind, with one sd."""
    figure = Figure(figsize=(9.0, 3.8), dpi=130, layout="constrained")
    for axes, score, label in zip(
        figure.subplots(1, 2), ("loss", "error"), ("loss", "error (%)"), strict=True
    ):
        for colour, (kind, values) in zip(COLOURS, found.items(), strict=True):
            mean, sd = values[score], values[f"{score}_sd"]
            axes.plot(sigmas, mean, color=colour, marker=".", label=kind)
            axes.fill_between(sigmas, mean - sd, mean + sd, color=colour, alpha=0.2)
        axes.set_xlabel("sigma")
        axes.set_ylabel(f"increase of the training {label}")
        axes.legend(frameon=False)
        plain(axes)
    figure.suptitle(title, fontsize=10)
    figure.savefig(output)


def draw_slice(found: Mapping[str, np.ndarray], output: Path, title: str) -> None:
    """Loss and error along one filter-normalised direction."""
    figure = Figure(figsize=(6.5, 4.0), dpi=130, layout="constrained")
    axes = figure.subplots()
    other = axes.twinx()
    axes.plot(found["ts"], found["loss"], color=BLUE, marker=".")
    other.plot(found["ts"], found["error"], color=ORANGE, marker=".", linestyle="--")
    axes.set_xlabel("filter-normalised distance")
    axes.set_ylabel("training loss", color=BLUE)
    other.set_ylabel("training error (%), dashed", color=ORANGE)
    axes.set_title(title, fontsize=10)
    plain(axes)
    other.spines["top"].set_visible(False)
    figure.savefig(output)


def draw_plane_slice(found: Mapping[str, np.ndarray], output: Path, title: str) -> None:
    """Loss over two filter-normalised directions."""
    figure = Figure(figsize=(6.2, 5.0), dpi=130, layout="constrained")
    axes = figure.subplots()
    heat(figure, axes, found["grid"], found["loss"])
    axes.plot([0], [0], "o", color="black", markersize=6)
    axes.set_aspect("equal")
    axes.set_xlabel("first direction")
    axes.set_ylabel("second direction")
    axes.set_title(f"training loss, {title}", fontsize=10)
    figure.savefig(output)


def draw_rays(ts: np.ndarray, found: Mapping[str, Mapping[str, np.ndarray]], output: Path) -> None:
    """Training loss and test error along rays (R, T) from solutions, by name, and their means."""
    figure = Figure(figsize=(9.0, 4.2), dpi=130, layout="constrained")
    panels = (("train_loss", "training loss"), ("test_error", "test error (%)"))
    for axes, (score, label) in zip(figure.subplots(1, 2), panels, strict=True):
        for colour, (name, values) in zip(COLOURS, found.items(), strict=True):
            axes.plot(ts, values[score].T, color=colour, alpha=0.3, linewidth=0.8)
            axes.plot(ts, values[score].mean(0), color=colour, linewidth=2.0, label=name)
        axes.set_xlabel("distance along a ray")
        axes.set_ylabel(label)
        plain(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", frameon=False)
    figure.savefig(output)


def draw_correlations(found: Mapping[str, Correlation], output: Path, title: str) -> None:
    """Kendall and Spearman of each measure with the test error, with their intervals."""
    figure = Figure(figsize=(8.0, 1.6 + 0.32 * len(found)), dpi=130, layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(found))
    for colour, name, shift in ((BLUE, "kendall", -0.12), (ORANGE, "spearman", 0.12)):
        middle = np.array([getattr(one, name) for one in found.values()])
        ends = np.array([getattr(one, f"{name}_interval") for one in found.values()])
        axes.hlines(rows + shift, ends[:, 0], ends[:, 1], color=colour, linewidth=1.5)
        axes.plot(middle, rows + shift, "o", color=colour, label=name)
    axes.set_yticks(rows, list(found))
    axes.invert_yaxis()
    axes.set_xlim(-1.05, 1.05)
    axes.axvline(0, color="0.5", linewidth=0.8)
    axes.set_xlabel("rank correlation with the test error (95 % bootstrap)")
    axes.set_title(title, fontsize=10)
    figure.legend(loc="outside lower right", ncols=2, frameon=False)
    plain(axes)
    figure.savefig(output)
