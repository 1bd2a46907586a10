"""Every measure of one solution: a number each, and the arrays that pictures are of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hessian import pieces, signs

from basin.analysis.flatness import KINDS, chunks, local_energy, sharpness
from basin.analysis.hessian import Hessian
from basin.analysis.lanczos import Spectrum, spectrum
from basin.analysis.landscape import Landscape
from basin.analysis.noise_scale import check_chunks, noise_scale
from basin.analysis.slices import line_slice, plane_slice
from basin.core.solutions import place_of, solution_file
from basin.experiment.finished import FinishedRun
from flatness.options import Options

FIFTH = 5
"""The eigenvalue that SAM's paper compares the largest with."""


@dataclass
class Found:
    """What was measured of one solution."""

    numbers: dict[str, float] = field(default_factory=dict)
    energy: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)  # by kind
    line: dict[str, np.ndarray] = field(default_factory=dict)
    plane: dict[str, np.ndarray] = field(default_factory=dict)
    spectrum: Spectrum | None = None

    def tell(self, name: str, value: float) -> None:
        """Keep a number and print its line."""
        self.numbers[name] = value
        print(f"{name:36} {value:.6g}", flush=True)


def files_of(option: str, places: Sequence[str], options: Options) -> list[Path]:
    """Weights of several solutions; ValueError where one is not there, or is there twice."""
    files = [solution_file(place_of(place, results=options.results)).resolve() for place in places]
    if len({*files}) < len(files):
        raise ValueError(f"{option}={places}: a solution is there twice; give each once")
    return files


def opened(place: str, options: Options) -> FinishedRun:
    """A run; ValueError where its data have no classes."""
    run = FinishedRun(place_of(place, results=options.results), device=options.device)
    if run.dataset.score is not None:
        raise ValueError(f"{run.path}: its data have no classes, and its networks no error")
    return run


def measured(run: FinishedRun, options: Options) -> Found:
    """The chosen measures of a run's solution on plain training images, BN statistics held.

    ValueError for an m that a batch has not, before anything is measured.
    """
    batches = partial(pieces, run, options.train, options.batch_size)
    parts = (run.solution(), run.objective, batches)
    steps: dict[str, Callable[..., None]] = {
        "energy": _energy,
        "sharpness": _sharpness,
        "hessian": _hessian,
        "slices": _slices,
        "noise": _noise,
    }
    if "sharpness" in options.measures:
        next(chunks(batches, options.m))
    if "noise" in options.measures:
        check_chunks(batches, options.m)
    found = Found()
    for name in options.measures:
        steps[name](found, parts, options)
    return found


def _energy(found: Found, parts: Any, options: Options) -> None:
    for kind in KINDS:
        values = local_energy(
            *parts, kind=kind, sigmas=options.sigmas, draws=options.draws, seed=options.seed
        )
        found.energy[kind] = values
        for i, sigma in enumerate(options.sigmas):
            for score in ("loss", "error"):
                found.tell(f"{kind} energy {score} at {sigma:g}", float(values[score][i]))


def _sharpness(found: Found, parts: Any, options: Options) -> None:
    value = sharpness(*parts, rho=options.rho, m=options.m, steps=1)
    found.tell(f"m-sharpness of {options.m}", value)
    for steps in options.ascent:
        value = sharpness(*parts, rho=options.rho, m=None, steps=steps)
        found.tell(f"SAM sharpness, steps {steps}", value)


def _hessian(found: Found, parts: Any, options: Options) -> None:
    hessian = Hessian(*parts, weight_decay=0.0)
    found.spectrum = spectrum(
        hessian,
        partial(signs, options.seed, hessian.size, hessian.device),
        probes=options.probes,
        steps=options.steps,
        top=max(options.top, FIFTH),
        tell=partial(print, flush=True),
    )
    top = found.spectrum.top
    found.tell("largest eigenvalue", float(top[0]))
    ratio = float(top[0] / top[FIFTH - 1]) if len(top) >= FIFTH else float("nan")
    found.tell("largest by fifth eigenvalue", ratio)
    found.tell("trace", found.spectrum.trace)


def _slices(found: Found, parts: Any, options: Options) -> None:
    ts = np.linspace(-options.span, options.span, options.points)
    found.line = line_slice(*parts, ts=ts, seed=options.seed)
    found.plane = plane_slice(*parts, ts=ts, seed=options.seed)
    landscape = Landscape(*parts)
    here = landscape.score(landscape.origin).loss
    found.tell("slice, mean rise of the loss", float(found.line["loss"].mean()) - here)
    found.tell("plane, mean rise of the loss", float(found.plane["loss"].mean()) - here)


def _noise(found: Found, parts: Any, options: Options) -> None:
    value = noise_scale(*parts, m=options.m)
    found.tell("squared norm of the mean gradient", value.square)
    found.tell("trace of the gradients' covariance", value.trace)
    found.tell("noise scale", value.simple)
