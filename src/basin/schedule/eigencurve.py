"""Eigencurve (Pan et al. 2022, arXiv:2110.14109), as the authors' code, of a spectrum in a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from basin.core.clock import Clock, Epochs
from basin.core.schedules import Stateless, check_length, check_range
from basin.schedule.spectrum import Segments, read_spectrum, segments


@dataclass(frozen=True, kw_only=True)
class Eigencurve(Stateless):
    """1 / (a_i (k - k_i) + b_i) at update k of segment i, one for each bucket of eigenvalues.

    Bucket i has |lambda| in mu [beta^i, beta^(i+1)) and updates by the root of its density; the
    curve is 1/L' of an optimum whose 1/L is the tuned initial rate. With `floor` the curve is
    stretched to end there at the last update.
    Differs: buckets are found by logarithms at once, not one by one.
    """

    clock: Clock
    epochs: Epochs  # T, length of the run
    spectrum: str  # file of lines `eigenvalue density`
    shift: float  # added to each |eigenvalue|; 0.0005 makes the authors' files of the released ones
    decimals: int | None  # to which |eigenvalue| + shift is rounded, as in the authors' files
    beta: float  # above 1
    floor: float | None  # factor of the last update, in [0, 1]; null: not stretched

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_range("shift", self.shift, 0, float("inf"))
        if not 1 < self.beta < float("inf"):
            raise ValueError(f"beta={self.beta} is not a finite number above 1")
        if self.floor is not None:
            check_range("floor", self.floor, 0, 1)
        if self.updates < 2:
            raise ValueError(f"epochs={self.epochs} is less than two updates")
        assert self.curve.starts[0] == 0

    @property
    def updates(self) -> int:
        """Updates of the run."""
        return ceil(self.clock.steps(self.epochs))

    @cached_property
    def curve(self) -> Segments:
        """The segments of this run. Raises ValueError where the file does not give them."""
        values, densities = read_spectrum(self.spectrum, self.shift, self.decimals)
        return segments(values, densities, updates=self.updates, beta=self.beta)

    @cached_property
    def _last(self) -> float:
        return self._unstretched(self.updates - 1)

    def _unstretched(self, update: float) -> float:
        curve = self.curve
        i = int(np.searchsorted(curve.starts, update, side="right")) - 1
        return 1 / float(curve.slopes[i] * (update - curve.starts[i]) + curve.offsets[i])

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        factor = self._unstretched(self.clock.steps(t))
        if self.floor is None:
            return factor
        share = (factor - self._last) / (1 - self._last)
        return max(0.0, share * (1 - self.floor) + self.floor)
