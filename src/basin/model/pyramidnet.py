"""Deep pyramidal residual networks (Han, Kim and Kim 2017, arXiv:1610.02915), for CIFAR."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import check_choice, initialise_
from basin.model.residual import conv3x3
from basin.model.shakedrop import ShakeDrop
from basin.model.stochastic_depth import check_survival, linear_decay

BLOCKS = ("basic", "bottleneck")
WIDTHS: dict[str, Callable[[float], int]] = {"rounded": round, "truncated": int}


class Pyramid(nn.Module):
    """gate(bn conv relu bn ... conv bn (x)) + x, whose missing channels are zeros at the end.

    Where a block strides, x is averaged over 2 x 2 pixels.
    """

    def __init__(
        self, in_channels: int, width: int, stride: int, *, block: str, gate: nn.Module
    ) -> None:
        super().__init__()
        if block == "basic":
            self.channels = width
            convolutions = [conv3x3(in_channels, width, stride), conv3x3(width, width, 1)]
        else:
            self.channels = 4 * width
            convolutions = [
                nn.Conv2d(in_channels, width, 1, bias=False),
                conv3x3(width, width, stride),
                nn.Conv2d(width, self.channels, 1, bias=False),
            ]
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c.in_channels) for c in convolutions)
        self.last_norm = nn.BatchNorm2d(self.channels)
        self.gate = gate
        self._stride, self._missing = stride, self.channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        residual = self.convolutions[0](self.norms[0](x))  # no ReLU before the first (figure 6d)
        for norm, convolution in zip(self.norms[1:], self.convolutions[1:], strict=True):
            residual = convolution(F.relu(norm(residual), inplace=True))
        residual = self.gate(self.last_norm(residual))
        if self._stride > 1:
            x = F.avg_pool2d(x, self._stride, ceil_mode=True)
        return residual + F.pad(x, (0, 0, 0, 0, 0, self._missing))


class PyramidNet(nn.Module):
    """Stem of 16 channels; every block is alpha / (number of blocks) wider than the one before.

    depth: 6n + 2 of basic blocks, 9n + 2 of bottlenecks (whose output is 4 times as wide).
    widths: `rounded` to whole channels (the published counts), or `truncated`.
    survival: of the last block's ShakeDrop, falling linearly from 1; 1 is PyramidNet without it.
    shakedrop_level: a block survives for each `image` or for the whole `batch`.
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int,
        alpha: float,
        block: str,
        widths: str,
        survival: float,
        shakedrop_level: str,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        check_choice("block", block, BLOCKS)
        check_choice("widths", widths, list(WIDTHS))
        layers = 6 if block == "basic" else 9
        if depth < layers + 2 or (depth - 2) % layers:
            raise ValueError(
                f"depth={depth} is not {layers}n + 2, as block={block} needs:"
                f" take {layers + 2}, {2 * layers + 2}, {3 * layers + 2}, ..."
            )
        if alpha < 0:
            raise ValueError(f"alpha={alpha} is below 0: it is the channels added over all blocks")
        check_survival(survival)
        each = (depth - 2) // layers  # blocks of a stage
        survivals = linear_decay(survival, 3 * each)
        channels = 16
        self.stem, self.stem_norm = conv3x3(in_channels, channels, 1), nn.BatchNorm2d(channels)
        stages: list[nn.Module] = []
        for index in range(3 * each):
            width = WIDTHS[widths](16 + alpha * (index + 1) / (3 * each))
            stride = 2 if index in (each, 2 * each) else 1
            gate = (
                ShakeDrop(survival=survivals[index], level=shakedrop_level)
                if survival < 1
                else nn.Identity()
            )
            one = Pyramid(channels, width, stride, block=block, gate=gate)
            stages.append(one)
            channels = one.channels
        self.blocks = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.blocks(self.stem_norm(self.stem(images)))  # (B, C, H/4, W/4)
        return self.linear(F.relu(self.norm(maps), inplace=True).mean((2, 3)))  # (B, K)
