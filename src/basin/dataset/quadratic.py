"""The noisy quadratic: a Hessian of known spectrum and gradients of known covariance.

As a stochastic objective for schedules and averages: Schaul et al. 2013 (arXiv:1206.1106); here
that of eigencurve (Pan et al. 2022, arXiv:2110.14109), Lookahead (Zhang et al. 2019,
arXiv:1907.08610), AutoDrop and Gadam (arXiv:2003.01247).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from basin.core.protocols import Dataset
from basin.dataset.archive import data_root
from basin.dataset.facts import Facts
from basin.dataset.spectrum import power_law, read_spectrum
from basin.dataset.vectors import Vectors, eigenrows, excess_risk


@dataclass(frozen=True, kw_only=True)
class Quadratic:
    """f(w) = (w - w*)' H (w - w*) / 2 of a linear model w; `dimension` examples, one a direction.

    A batch of all examples has the gradient H (w - w*) + n, n normal with covariance
    noise^2 H^noise_power, drawn anew at every update: 1 is that of least squares (and of
    eigencurve's analysis), 0 is isotropic, 2 moves w* isotropically. An epoch is then an update.
    Smaller batches sample directions, as coordinate descent does.
    """

    root: str | None  # null: $BASIN_DATA or ~/.cache/basin
    spectrum: str | None  # file in root; null: the power law
    dimension: int
    scale: float  # eigenvalue i of the power law is scale * i**-exponent
    exponent: float
    shift: float  # added to every eigenvalue
    rotation: int | None  # seed of a random basis of eigenvectors; null: the axes
    optimum: float  # every coordinate of w*
    noise: float
    noise_power: float

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ValueError(f"dataset.dimension={self.dimension} must be 1 or more")
        if self.noise < 0:
            raise ValueError(f"dataset.noise={self.noise} must be 0 or more")
        low = float(self.eigenvalues.min())
        if low <= 0:
            raise ValueError(
                f"the smallest eigenvalue is {low:g}, and must be above 0: raise dataset.shift"
                + ("" if self.spectrum else f" or dataset.scale={self.scale}")
            )

    @property
    def facts(self) -> Facts:
        """One example for each direction, in both parts."""
        size = self.dimension
        return Facts(
            train=size,
            test=size,
            num_classes=1,
            shape=(size, 1, 1),
            targets=torch.float64,
            linear=True,
        )

    @property
    def num_train(self) -> int:
        """Directions."""
        return self.dimension

    @cached_property
    def eigenvalues(self) -> Tensor:
        """(d,) float64."""
        if self.spectrum is None:
            values = power_law(self.dimension, scale=self.scale, exponent=self.exponent)
        else:
            values = read_spectrum(data_root(self.root) / self.spectrum, self.dimension)
        return values + self.shift

    @property
    def directions(self) -> Tensor:
        """(d, d) float64: row i is the eigenvector of eigenvalue i."""
        if self.rotation is None:
            return torch.eye(self.dimension, dtype=torch.float64)
        generator = torch.Generator().manual_seed(self.rotation)
        normal = torch.randn(
            self.dimension, self.dimension, dtype=torch.float64, generator=generator
        )
        basis, triangle = torch.linalg.qr(normal)
        basis = basis * triangle.diagonal().sign()  # uniform over rotations and reflections
        return basis.T.contiguous()

    def load(self) -> Dataset:
        """The eigenvectors as examples; the test part is the training part without noise."""
        values = self.eigenvalues
        optimum = torch.full_like(values, self.optimum)
        rows, targets = eigenrows(values, self.directions, optimum)
        # an error e of target i moves the gradient of the mean by -sqrt(lambda_i / d) e
        deviation = self.noise * self.dimension**0.5 * values ** ((self.noise_power - 1) / 2)
        return Dataset(
            train=Vectors(rows, targets, deviation if self.noise else None),
            validation=None,
            test=Vectors(rows, targets),
            classes=("value",),
            shape=self.facts.shape,
            mean=(0.0,) * self.dimension,
            std=(1.0,) * self.dimension,
            score=excess_risk,
        )
