"""Aggregated residual networks for CIFAR (Xie et al. 2017, arXiv:1611.05431), section 5.3."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import initialise_
from basin.model.residual import conv3x3, projection


class GroupedBottleneck(nn.Module):
    """relu(shortcut(x) + 1x1 up, after 3x3 of `cardinality` groups, after 1x1 down): form (c)."""

    def __init__(
        self, in_channels: int, channels: int, stride: int, *, inner: int, cardinality: int
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(in_channels, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, groups=cardinality, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.shortcut = (
            projection(in_channels, channels, stride) if in_channels != channels else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = F.relu(self.bn2(self.conv2(residual)), inplace=True)
        return F.relu(self.bn3(self.conv3(residual)) + self.shortcut(x), inplace=True)


class ResNeXt(nn.Module):
    """Stem of 64 channels, three stages of n blocks of 256, 512, 1024 channels; depth = 9n + 2.

    cardinality, base_width: C groups of d, 2d, 4d channels.
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int,
        cardinality: int,
        base_width: int,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        if depth < 11 or depth % 9 != 2:
            raise ValueError(f"depth={depth} is not 9n + 2 with n >= 1: take 11, 20, 29, ...")
        if cardinality < 1 or base_width < 1:
            raise ValueError(
                f"cardinality={cardinality} and base_width={base_width} must be 1 or more"
            )
        channels = 64
        self.stem, self.bn = conv3x3(in_channels, channels, 1), nn.BatchNorm2d(channels)
        stages = []
        for index in range(3):
            blocks: list[nn.Module] = []
            for position in range((depth - 2) // 9):
                stride = 2 if index > 0 and position == 0 else 1
                wide, inner = 256 * 2**index, cardinality * base_width * 2**index
                blocks.append(
                    GroupedBottleneck(channels, wide, stride, inner=inner, cardinality=cardinality)
                )
                channels = wide
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(F.relu(self.bn(self.stem(images)), inplace=True))  # (B, 1024, H/4, W/4)
        return self.linear(maps.mean((2, 3)))  # (B, K)
