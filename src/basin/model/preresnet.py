"""Pre-activation residual networks for CIFAR (He et al. 2016b, arXiv:1603.05027, figure 4e).

As the authors of SWA (arXiv:1803.05407) have them: the 1x1 convolution of a shortcut sees the
block's input, and has no BN.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import check_choice, initialise_
from basin.model.residual import conv3x3

BLOCKS = ("basic", "bottleneck")


class PreActivation(nn.Module):
    """shortcut(x) + conv(relu(bn( ... conv(relu(bn(x)))))), two 3x3 or 1x1, 3x3, 1x1."""

    def __init__(self, in_channels: int, width: int, stride: int, *, block: str) -> None:
        super().__init__()
        if block == "basic":
            channels = width
            convolutions = [conv3x3(in_channels, width, stride), conv3x3(width, width, 1)]
        else:
            channels = 4 * width
            convolutions = [
                nn.Conv2d(in_channels, width, 1, bias=False),
                conv3x3(width, width, stride),
                nn.Conv2d(width, channels, 1, bias=False),
            ]
        self.norms = nn.ModuleList(nn.BatchNorm2d(c.in_channels) for c in convolutions)
        self.convolutions = nn.ModuleList(convolutions)
        self.shortcut = (
            nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            if stride != 1 or in_channels != channels
            else nn.Identity()
        )
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            residual = convolution(F.relu(norm(residual), inplace=True))
        return self.shortcut(x) + residual


class PreResNet(nn.Module):
    """Stem of 16 channels, three stages of n blocks of width 16, 32, 64, then BN and ReLU.

    depth: 6n + 2 of basic blocks, 9n + 2 of bottlenecks, whose output is 4 times as wide.
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int,
        block: str,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        check_choice("block", block, BLOCKS)
        layers = 6 if block == "basic" else 9
        if depth < layers + 2 or (depth - 2) % layers:
            raise ValueError(
                f"depth={depth} is not {layers}n + 2, as block={block} needs:"
                f" take {layers + 2}, {2 * layers + 2}, {3 * layers + 2}, ..."
            )
        channels = 16
        self.stem = conv3x3(in_channels, channels, 1)
        stages = []
        for width in (16, 32, 64):
            blocks = []
            for position in range((depth - 2) // layers):
                stride = 2 if width > 16 and position == 0 else 1
                blocks.append(PreActivation(channels, width, stride, block=block))
                channels = blocks[-1].channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(self.stem(images))  # (B, C, H/4, W/4)
        return self.linear(F.relu(self.bn(maps), inplace=True).mean((2, 3)))  # (B, K)
