"""Wide residual networks (Zagoruyko and Komodakis 2016, arXiv:1605.07146), block B(3, 3).

With conv_bias, stride second, shortcut raw and final_bn_momentum 0.9 it is the network of SWA's
authors (Izmailov et al. 2018, arXiv:1803.05407); with shortcut padded that of SAM's (Foret et al.
2021, arXiv:2010.01412).
"""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import check_choice, initialise_

STRIDE_POSITION = ("first", "second")
SHORTCUT_INPUT = ("activated", "first_activated", "raw")
SHORTCUT = ("convolution", "padded")


class Padded(nn.Module):
    """Means of stride x stride pixels, and zero channels at the end."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self._missing, self._stride = channels - in_channels, stride

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.avg_pool2d(x, self._stride, ceil_mode=True) if self._stride > 1 else x
        return F.pad(pooled, (0, 0, 0, 0, 0, self._missing))


class WideBlock(nn.Module):
    """x + conv(dropout(relu(bn(conv(a))))), a = relu(bn(x)).

    Where the widths differ, x is replaced by a strided 1x1 convolution of a, or of x, or by its
    (or a's) pooled maps padded with zero channels.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        stride: int,
        dropout: float,
        conv_bias: bool,
        stride_position: str,
        shortcut: str,
        projects_activated: bool,
    ) -> None:
        super().__init__()
        first, second = (stride, 1) if stride_position == "first" else (1, stride)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, first, padding=1, bias=conv_bias)
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(channels, channels, 3, second, padding=1, bias=conv_bias)
        self.projection: nn.Module | None = None
        if in_channels != channels and shortcut == "convolution":
            self.projection = nn.Conv2d(in_channels, channels, 1, stride, bias=conv_bias)
        elif in_channels != channels:
            self.projection = Padded(in_channels, channels, stride)
        self.projects_activated = projects_activated

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(self.bn1(x), inplace=True)
        residual = F.relu(self.bn2(self.conv1(activated)), inplace=True)
        residual = self.conv2(self.dropout(residual))
        if self.projection is None:
            return x + residual
        return self.projection(activated if self.projects_activated else x) + residual


class WideResNet(nn.Module):
    """Stem of 16 channels, three stages of n blocks of 16k, 32k, 64k channels; depth = 6n + 4.

    stride_position: the 3x3 convolution of a stage's first block that halves the resolution.
    shortcut: where the width changes, a 1x1 `convolution`, or `padded` by zero channels.
    shortcut_input: projections see x after the block's first BN and ReLU, or x itself, or the very
    first of them the one and the others the other (`first_activated`).
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int,
        width: int,
        dropout: float,
        conv_bias: bool,
        stride_position: str,
        shortcut: str,
        shortcut_input: str,
        final_bn_momentum: float,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        if depth < 10 or depth % 6 != 4:
            raise ValueError(f"depth={depth} is not 6n + 4 with n >= 1: take 10, 16, 22, 28, ...")
        if width < 1:
            raise ValueError(f"width={width} is not a multiple of 16 channels: take 1, 2, 4, ...")
        check_choice("stride_position", stride_position, STRIDE_POSITION)
        check_choice("shortcut", shortcut, SHORTCUT)
        check_choice("shortcut_input", shortcut_input, SHORTCUT_INPUT)
        block = partial(
            WideBlock,
            dropout=dropout,
            conv_bias=conv_bias,
            stride_position=stride_position,
            shortcut=shortcut,
        )
        channels = 16
        self.stem = nn.Conv2d(in_channels, channels, 3, padding=1, bias=conv_bias)
        stages = []
        for index, wide in enumerate((16 * width, 32 * width, 64 * width)):
            blocks: list[nn.Module] = []
            for position in range((depth - 4) // 6):
                stride = 2 if index > 0 and position == 0 else 1
                activated = shortcut_input == "activated" or (
                    shortcut_input == "first_activated" and index == 0
                )
                blocks.append(
                    block(
                        in_channels=channels,
                        channels=wide,
                        stride=stride,
                        projects_activated=activated,
                    )
                )
                channels = wide
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(channels, momentum=final_bn_momentum)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(self.stem(images))  # (B, 64 k, H/4, W/4)
        features = F.relu(self.bn(maps), inplace=True).mean((2, 3))  # (B, 64 k)
        return self.linear(features)  # (B, K)
