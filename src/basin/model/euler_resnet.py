"""Residual networks as forward-Euler steps of an initial value problem, in levels of depth.

Kopaničáková and Krause 2023 (arXiv:2107.07572).
Unverified: the paper's residual function, widths and numbers of nodes; F is the pre-activation one
of He et al. 2016b (arXiv:1603.05027).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.euler_transfer import interpolation, norm, projection, transfer, transposed
from basin.model.initialisation import check_choice, initialise_

NORMS = ("batch", "none")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "tanh": torch.tanh}


class EulerStep(nn.Module):
    """q + dt F(q), F = conv(a(norm(conv(a(norm(q)))))), a the activation; without norm, biases."""

    def __init__(
        self, channels: int, kernel: int, *, dt: float, norm: str, activation: str
    ) -> None:
        super().__init__()
        self.dt, self.activation = dt, ACTIVATIONS[activation]
        self.norm1, self.norm2 = (_norm(channels, norm) for _ in range(2))
        self.conv1, self.conv2 = (_conv(channels, channels, kernel, 1, norm) for _ in range(2))

    def forward(self, q: Tensor) -> Tensor:
        residual = self.conv1(self.activation(self.norm1(q)))
        return q + self.dt * self.conv2(self.activation(self.norm2(residual)))


class EulerResNet(nn.Module):
    """Stages of K time nodes between 0 and T, each opened by a convolution.

    widths: channels of each stage; all but the first begin with stride 2.
    nodes: K. horizon: T. A step is dt = T / (K - 1).
    last_node: a step is taken from the last node too, K in all and beyond T, as in code of the
    paper's authors; else K - 1, and every depth integrates to T.
    norm: `batch`, or `none` for losses that depend on each image alone.
    kernel: pixels of the convolutions; 1, on images of one pixel, is a dense network.
    activation: `relu`, or `tanh` for losses with curvature everywhere.
    conv_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        widths: Sequence[int],
        nodes: int,
        horizon: float,
        last_node: bool,
        norm: str,
        kernel: int,
        activation: str,
        conv_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        self._settings: dict[str, Any] = {
            **{"num_classes": num_classes, "in_channels": in_channels, "widths": tuple(widths)},
            **{"horizon": horizon, "last_node": last_node, "norm": norm, "kernel": kernel},
            **{"activation": activation, "conv_init": conv_init, "linear_init": linear_init},
        }
        check_choice("norm", norm, NORMS)
        check_choice("activation", activation, tuple(ACTIVATIONS))
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel={kernel} has no middle: take 1, 3, 5, ...")
        if nodes < 2:
            raise ValueError(f"nodes={nodes} leave no step between 0 and T: take 2, 3, 5, 9, ...")
        if not widths or min(widths) < 1 or not horizon > 0:
            raise ValueError(
                f"widths={list(widths)} must all be 1 or more, and horizon={horizon} above 0"
            )
        self.nodes, self.num_steps = nodes, nodes if last_node else nodes - 1
        step: dict[str, Any] = {"dt": horizon / (nodes - 1), "norm": norm, "activation": activation}
        openings: list[nn.Module] = []
        steps: list[nn.Module] = []
        before = in_channels
        for index, width in enumerate(widths):
            openings.append(_conv(before, width, kernel, 2 if index else 1, norm))
            steps.append(
                nn.Sequential(*(EulerStep(width, kernel, **step) for _ in range(self.num_steps)))
            )
            before = width
        self.openings, self.steps = nn.ModuleList(openings), nn.ModuleList(steps)
        self.norm, self.activation = _norm(before, norm), ACTIVATIONS[activation]
        self.linear = nn.Linear(before, num_classes)
        initialise_(self, conv_init=conv_init, bn_weight_init="ones", linear_init=linear_init)

    def forward(self, images: Tensor) -> Tensor:
        q = images
        for opening, steps in zip(self.openings, self.steps, strict=True):
            q = steps(opening(q))  # (B, width, H, W), over 2 from stage to stage
        return self.linear(self.activation(self.norm(q)).mean((2, 3)))  # (B, K)

    def with_nodes(self, nodes: int) -> EulerResNet:
        """The same network of another depth, with new weights, where this one's are."""
        model = EulerResNet(nodes=nodes, **self._settings)
        return model.to(self.linear.weight)

    def coarser(self) -> EulerResNet:
        """Half the steps, with new weights: K = 2 K' - 1."""
        if self.nodes < 3 or self.nodes % 2 == 0:
            raise ValueError(
                f"nodes={self.nodes} cannot be halved: take 2^l n + 1 (3, 5, 9, 17, ...)"
            )
        return self.with_nodes((self.nodes + 1) // 2)

    def prolonged(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """I: named tensors (weights or a correction) of `coarser()` on this depth."""
        return transfer(tensors, interpolation(self._coarse, self.num_steps))

    def restricted(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """R = I^T: named gradients of this depth on that of `coarser()`."""
        rows = interpolation(self._coarse, self.num_steps)
        return transfer(gradients, transposed(rows, self._coarse))

    def projected(self, tensors: Mapping[str, Tensor], *, weighted: bool) -> dict[str, Tensor]:
        """Weights and buffers of this depth on that of `coarser()`; see euler_transfer.projection.

        Running statistics are transferred like weights and have to be estimated again.
        """
        return transfer(tensors, projection(self._coarse, self.num_steps, weighted=weighted))

    @property
    def prolongation_norm(self) -> float:
        """|I| over all weights, those that are copied included; never below 1."""
        return norm(interpolation(self._coarse, self.num_steps), self._coarse)

    @property
    def _coarse(self) -> int:
        return (self.num_steps + 1) // 2


def _conv(before: int, after: int, kernel: int, stride: int, norm: str) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=norm == "none")


def _norm(channels: int, norm: str) -> nn.Module:
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()
