"""Ridge regression (Hoerl and Kennard 1970), as eigencurve is tried on (arXiv:2110.14109)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from basin.core.protocols import Dataset
from basin.dataset.archive import data_root
from basin.dataset.facts import Facts
from basin.dataset.spectrum import power_law
from basin.dataset.vectors import Vectors, eigenrows, excess_risk

SINGULAR = 1e-12
"""Smallest eigenvalue of a Hessian over its largest, below which its minimum is not determined."""


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """f(w) = mean (x w - y)^2 / 2 + l2 |w|^2 / 2 over a LIBSVM file or normal random examples.

    The l2 term is the optimizer's coupled weight decay; the excess risk counts it.
    Differs: eigencurve's code has f, and so its gradient and excess risk, twice as large; a
    learning rate there is twice as large here.
    """

    root: str | None  # null: $BASIN_DATA or ~/.cache/basin
    file: str | None  # in root, in LIBSVM's format; null: random examples
    num: int  # examples
    dimension: int  # features
    scale: float  # random features are normal with variance scale * i**-exponent
    exponent: float
    noise: float  # standard deviation of a random example's target about x w0, w0 normal
    problem: int  # seed of the random examples, which no run's seed changes
    l2: float

    def __post_init__(self) -> None:
        for name in ("num", "dimension"):
            if getattr(self, name) < 1:
                raise ValueError(f"dataset.{name}={getattr(self, name)} must be 1 or more")
        for name in ("noise", "l2"):
            if getattr(self, name) < 0:
                raise ValueError(f"dataset.{name}={getattr(self, name)} must be 0 or more")
        if self.scale <= 0:
            raise ValueError(f"dataset.scale={self.scale} must be above 0: it is a variance")
        values = self._curvature[0]
        if values[0] <= SINGULAR * values[-1]:
            raise ValueError(
                f"dataset.l2={self.l2} leaves the Hessian singular (eigenvalues"
                f" {values[0]:.2g} to {values[-1]:.2g}): the minimum is not determined; raise it"
            )

    @property
    def facts(self) -> Facts:
        """`num` training examples; the test part has one for each direction of the Hessian."""
        size = self.dimension
        return Facts(
            train=self.num,
            test=size,
            num_classes=1,
            shape=(size, 1, 1),
            targets=torch.float64,
            linear=True,
        )

    @property
    def num_train(self) -> int:
        """Training examples."""
        return self.num

    @cached_property
    def examples(self) -> tuple[Tensor, Tensor]:
        """Features (N, d) and targets (N,), float64."""
        return self._random() if self.file is None else self._read(self.file)

    @property
    def optimum(self) -> Tensor:
        """w* (d,), where the gradient of f is zero."""
        features, targets = self.examples
        values, directions = self._curvature
        return directions.T @ (directions @ (features.T @ targets / self.num) / values)

    @cached_property
    def _curvature(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues (d,), ascending, and eigenvectors (d, d), a row each, of the Hessian."""
        features, _ = self.examples
        hessian = features.T @ features / self.num
        hessian.diagonal().add_(self.l2)
        values, columns = torch.linalg.eigh(hessian)
        return values, columns.T

    def load(self) -> Dataset:
        """The examples; test examples are `eigenrows` of the Hessian."""
        return Dataset(
            train=Vectors(*self.examples),
            validation=None,
            test=Vectors(*eigenrows(*self._curvature, self.optimum)),
            classes=("value",),
            shape=self.facts.shape,
            mean=(0.0,) * self.dimension,
            std=(1.0,) * self.dimension,
            score=excess_risk,
        )

    def _random(self) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.problem)
        numbers = torch.randn(
            self.num + 1, self.dimension + 1, dtype=torch.float64, generator=generator
        )
        deviation = power_law(self.dimension, scale=self.scale, exponent=self.exponent).sqrt()
        features, error = numbers[:-1, :-1] * deviation, numbers[:-1, -1]
        return features, features @ numbers[-1, :-1] + self.noise * error

    def _read(self, file: str) -> tuple[Tensor, Tensor]:
        from sklearn.datasets import load_svmlight_file

        path = data_root(self.root) / file
        if not path.is_file():
            raise ValueError(
                f"dataset.file: there is no file {path}; put it there, or take random examples"
                " with dataset.file=null"
            )
        try:
            features, targets = load_svmlight_file(str(path), n_features=self.dimension)
        except ValueError as error:
            raise ValueError(
                f"dataset.file={path} with dataset.dimension={self.dimension}: {error}"
            ) from None
        if len(targets) != self.num:
            raise ValueError(f"{path} holds {len(targets)} examples: give dataset.num that")
        return torch.from_numpy(features.toarray()), torch.from_numpy(targets).double()
