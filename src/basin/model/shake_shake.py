"""Shake-Shake networks for CIFAR (Gastaldi 2017, arXiv:1705.07485), section 3."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import initialise_
from basin.model.residual import conv3x3
from basin.model.shake_gate import ShakeGate


class Branch(nn.Module):
    """bn(conv(relu(bn(conv(relu(x))))))."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(in_channels, channels, stride), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = conv3x3(channels, channels, 1), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(F.relu(x))), inplace=True)
        return self.bn2(self.conv2(residual))


class SkippingShortcut(nn.Module):
    """Two strided paths of relu(x), one shifted by a pixel, 1x1 convolutions, joined, then BN."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Conv2d(in_channels, half, 1, bias=False)
        self.conv2 = nn.Conv2d(in_channels, channels - half, 1, bias=False)
        self.bn, self._stride = nn.BatchNorm2d(channels), stride

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(x)
        shifted = F.pad(activated, (-1, 1, -1, 1))  # y, x -> y + 1, x + 1, zeros beyond
        s = self._stride
        paths = self.conv1(activated[:, :, ::s, ::s]), self.conv2(shifted[:, :, ::s, ::s])
        return self.bn(torch.cat(paths, 1))


class ShakeBlock(nn.Module):
    """shortcut(x) + gate(branch(x), branch(x))."""

    def __init__(self, in_channels: int, channels: int, stride: int, *, gate: ShakeGate) -> None:
        super().__init__()
        self.first = Branch(in_channels, channels, stride)
        self.second = Branch(in_channels, channels, stride)
        self.gate = gate
        self.shortcut = (
            SkippingShortcut(in_channels, channels, stride)
            if in_channels != channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.gate(self.first(x), self.second(x))


class ShakeShake(nn.Module):
    """Stem of 16 channels and BN, three stages of n blocks of d, 2d, 4d channels; depth = 6n + 2.

    forward_mode, backward_mode, level: basin.model.shake_gate.
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int,
        base_width: int,
        forward_mode: str,
        backward_mode: str,
        level: str,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth={depth} is not 6n + 2 with n >= 1: take 8, 14, 20, 26, ...")
        if base_width < 2:
            raise ValueError(f"base_width={base_width} must be 2 channels or more")
        channels = 16
        self.stem, self.bn = conv3x3(in_channels, channels, 1), nn.BatchNorm2d(channels)
        stages = []
        for index in range(3):
            blocks: list[nn.Module] = []
            for position in range((depth - 2) // 6):
                stride = 2 if index > 0 and position == 0 else 1
                gate = ShakeGate(
                    forward_mode=forward_mode, backward_mode=backward_mode, level=level
                )
                blocks.append(ShakeBlock(channels, base_width * 2**index, stride, gate=gate))
                channels = base_width * 2**index
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(self.bn(self.stem(images)))  # (B, 4 d, H/4, W/4)
        return self.linear(F.relu(maps).mean((2, 3)))  # (B, K)
