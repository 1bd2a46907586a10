"""Post-activation residual blocks (He et al. 2016, arXiv:1512.03385), sections 3.2 and 4.1.

The shortcut is a module that the network chooses; its output has the block's shape.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def conv3x3(in_channels: int, channels: int, stride: int) -> nn.Conv2d:
    """3x3 convolution without bias, padded by zeros."""
    return nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)


def projection(in_channels: int, channels: int, stride: int) -> nn.Module:
    """Strided 1x1 convolution and BN (option B)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
    )


class BasicBlock(nn.Module):
    """relu(shortcut(x) + gate(bn(conv(relu(bn(conv(x)))))))."""

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int,
        *,
        shortcut: nn.Module,
        gate: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(in_channels, width, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv3x3(width, width, 1), nn.BatchNorm2d(width)
        self.shortcut, self.gate = shortcut, gate or nn.Identity()

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The BN at the end of the branch."""
        return self.bn2

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = self.gate(self.bn2(self.conv2(residual)))
        return F.relu(residual + self.shortcut(x), inplace=True)


class Bottleneck(nn.Module):
    """1x1 down, 3x3 (which strides), 1x1 up to 4 times the width."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int, *, shortcut: nn.Module) -> None:
        super().__init__()
        channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv3x3(width, width, stride), nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.shortcut = shortcut

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The BN at the end of the branch."""
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = F.relu(self.bn2(self.conv2(residual)), inplace=True)
        residual = self.bn3(self.conv3(residual))
        return F.relu(residual + self.shortcut(x), inplace=True)
