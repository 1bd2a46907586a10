"""Vectors and real targets of least squares, and its exact excess risk as a mean over examples."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from basin.core.protocols import Draws, Request


class Vectors:
    """Vectors (N, D) and real targets (N,), float64 where the device has it, or int64 classes.

    deviation (N,): the standard deviation of a normal error that a target has anew at every draw;
    evaluation sees none.
    """

    skipped: Collection[str] = ()

    def __init__(self, rows: Tensor, targets: Tensor, deviation: Tensor | None = None) -> None:
        self._rows, self.labels, self._deviation = rows, targets, deviation

    def __len__(self) -> int:
        return len(self.labels)

    def fetch(self, indices: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor]:
        """Vectors (B, D, 1, 1), as images of one pixel, and targets (B,) with their errors."""
        targets = self.labels.index_select(0, indices)
        if draws is not None and self._deviation is not None:
            error = normal(draws, targets.dtype)
            targets = targets + self._deviation.index_select(0, indices) * error
        return self._rows.index_select(0, indices)[:, :, None, None], targets

    def stream(self, requests: Iterable[Request]) -> Iterator[tuple[Tensor, Tensor]]:
        """`fetch` of each request."""
        for indices, draws in requests:
            yield self.fetch(indices, draws)

    def relabelled(self, labels: Tensor) -> Vectors:
        """The same vectors with other targets (N,)."""
        return Vectors(self._rows, labels, self._deviation)

    def to(self, device: Any) -> Vectors:
        """The same examples on a device."""
        dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
        deviation = None if self._deviation is None else self._deviation.to(device, dtype)
        real = self.labels.is_floating_point()
        labels = self.labels.to(device, dtype if real else self.labels.dtype)
        return Vectors(self._rows.to(device, dtype), labels, deviation)


def normal(draws: Draws, dtype: torch.dtype) -> Tensor:
    """(B,) standard normal numbers by the transform of Box and Muller (1958)."""
    radius, angle = draws.uniform("target", 2).to(dtype).unbind(1)
    return (-2 * torch.log1p(-radius)).sqrt() * torch.cos(2 * math.pi * angle)


def eigenrows(values: Tensor, directions: Tensor, optimum: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (d, d) and targets (d,) whose mean loss (x w - y)^2 / 2 is (w - w*)' H (w - w*) / 2.

    Row i is sqrt(d lambda_i) q_i, of the eigenvalues (d,) and the rows q (d, d) of `directions`:
    so the loss over all of them is the excess risk of w, exactly, and its gradient H (w - w*).
    """
    rows = (len(values) * values).sqrt()[:, None] * directions
    return rows, rows @ optimum


def excess_risk(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """f(w) - f(w*) from the outputs (d, 1) of a linear model for `eigenrows` and their targets."""
    dtype = torch.float32 if outputs.device.type == "mps" else torch.float64
    residuals = outputs.squeeze(1).to(dtype) - targets.to(dtype)
    return {"excess_risk": residuals.square().mean().item() / 2}
