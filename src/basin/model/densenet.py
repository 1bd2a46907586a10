"""Densely connected networks (Huang et al. 2017, arXiv:1608.06993) in their CIFAR form."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import initialise_


class DenseLayer(nn.Module):
    """[x, f(x)], f = conv3x3(relu(bn(.))), with a bottleneck after conv1x1(relu(bn(.)))."""

    def __init__(self, in_channels: int, growth: int, *, bottleneck: bool, dropout: float) -> None:
        super().__init__()
        inner = 4 * growth if bottleneck else in_channels
        self.bn1 = nn.BatchNorm2d(in_channels) if bottleneck else None
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False) if bottleneck else None
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        new = x
        if self.bn1 is not None and self.conv1 is not None:
            new = self.dropout(self.conv1(F.relu(self.bn1(x))))
        new = self.dropout(self.conv2(F.relu(self.bn2(new))))
        return torch.cat((x, new), 1)


class DenseNet(nn.Module):
    """Stem; blocks of dense layers; BN, ReLU, 1x1 convolution and 2x2 mean pooling between them.

    layers: dense layers of each block. growth: k, channels that each adds.
    stem: its channels. compression: theta, share of the channels that a transition keeps.
    dropout: after every convolution of a dense layer; the paper's is 0.2 without augmentation.
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        layers: Sequence[int],
        growth: int,
        stem: int,
        bottleneck: bool,
        compression: float,
        dropout: float,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        if not layers or min(layers) < 1 or growth < 1 or stem < 1:
            raise ValueError(
                f"layers={list(layers)}, growth={growth}, stem={stem} must all be 1 or more"
            )
        if not 0 < compression <= 1:
            raise ValueError(f"compression={compression} must be above 0 and at most 1")
        channels = stem
        parts: list[nn.Module] = [nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)]
        for index, count in enumerate(layers):
            if index:
                kept = int(channels * compression)
                parts += [
                    nn.BatchNorm2d(channels),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(channels, kept, 1, bias=False),
                    nn.AvgPool2d(2),
                ]
                channels = kept
            for _ in range(count):
                parts.append(DenseLayer(channels, growth, bottleneck=bottleneck, dropout=dropout))
                channels += growth
        self.features = nn.Sequential(*parts)
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.features(images)  # (B, C, H, W) over 2 to the number of transitions
        return self.linear(F.relu(self.bn(maps), inplace=True).mean((2, 3)))  # (B, K)
