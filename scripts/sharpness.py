"""Flatness of finished runs: energy, sharpness, spectrum, slices, noise; rays; correlations.

    python scripts/sharpness.py run=RUN [field=value ...]
    python scripts/sharpness.py rays=[RUN/last,RUN/swa] [field=value ...]
    python scripts/sharpness.py correlate=[RUN,RUN,RUN,...] [field=value ...]

run           RUN or RUN/SOLUTION, RUN being a run folder or its name in results=results/runs, here
              and below: every measure is a line; OUT.npz, OUT_energy.png, OUT_slice.png,
              OUT_plane.png, OUT_spectrum.png
rays          two solutions of one shape: scores along w + t d / |d|, with BN statistics of every
              point; OUT.npz, OUT.png
correlate     three or more: Kendall and Spearman of every measure with the test error, with
              bootstrap intervals over the runs; OUT.npz, OUT.png
measures      which of energy, sharpness, hessian, slices, noise (all)
train, test   examples of each part that are looked at; null (the default) for all
batch_size    images of one forward pass; null: the run's
sigmas        of the local energy ([0.02,0.04,0.06,0.08,0.1])
draws         of the local energy, each a forward pass for each sigma (100)
rho, m        of SAM's sharpness: radius, and examples of a chunk of m-sharpness (0.05, 32); m is
              also the small batch of the gradients' noise scale, whose big one is all examples
ascent        numbers of ascent steps of SAM's sharpness over all examples ([1,2,3,5])
probes, steps, top  of the Hessian's spectrum, as scripts/hessian.py's (4, 80, 10)
span, points  slices go from -span to span, in so many points a side (1.0, 21)
distance, directions  rays go from 0 to distance, in so many directions (30, 5)
resamples     of the bootstrap (1000)
seed          of every random direction (0)
device        auto | cpu | cuda | cuda:N | mps
out           the files' names (sharpness)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from flatness.correlating import correlate_runs
from flatness.options import Options, validated
from flatness.ray_pair import two_solutions
from flatness.solution import one_solution
from options import command

from basin.core.reader import quietly


def evaluate(options: Options) -> None:
    """One of the three."""
    validated(options)
    if options.run:
        one_solution(options)
    elif options.rays:
        two_solutions(options)
    else:
        correlate_runs(options)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(Options, evaluate, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(quietly(main))
