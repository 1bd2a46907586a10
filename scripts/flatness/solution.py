"""Every measure of one solution, as numbers and pictures."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from basin.analysis.arrays import beside, write_arrays
from basin.analysis.flatness_pictures import draw_energy, draw_plane_slice, draw_slice
from basin.analysis.pictures import draw_spectrum
from flatness.measuring import Found, measured, opened
from flatness.options import Options


def one_solution(options: Options) -> None:
    """Every measure of a solution."""
    numbers = beside(options.out, ".npz")
    run = opened(options.run or "", options)
    found = measured(run, options)
    arrays: dict[str, Any] = dict(found.numbers)
    for kind, values in found.energy.items():
        arrays |= {f"{kind}_{name}": array for name, array in values.items()}
    arrays |= {f"line_{name}": array for name, array in found.line.items()}
    arrays |= {f"plane_{name}": array for name, array in found.plane.items()}
    arrays |= asdict(found.spectrum) if found.spectrum else {}
    write_arrays(numbers, {**arrays, "sigmas": options.sigmas, "seed": options.seed})
    print("\n".join(str(file) for file in [numbers, *pictures(found, options, run.path.name)]))


def pictures(found: Found, options: Options, title: str) -> list[Path]:
    """A picture of each measure that has one."""
    file = partial(beside, options.out)
    drawn = []
    if found.energy:
        drawn.append(file("_energy.png"))
        draw_energy(np.array(options.sigmas), found.energy, drawn[-1], title)
    if found.line:
        drawn += [file("_slice.png"), file("_plane.png")]
        draw_slice(found.line, drawn[-2], title)
        draw_plane_slice(found.plane, drawn[-1], title)
    if found.spectrum:
        drawn.append(file("_spectrum.png"))
        draw_spectrum(found.spectrum.eigenvalues, found.spectrum.weights, drawn[-1], title)
    return drawn
