"""GoogLeNet (Szegedy et al. 2015, arXiv:1409.4842) with BN, in the form of CIFAR repositories."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import check_choice, initialise_

STEM = ("one", "three")
INCEPTIONS = (  # 1x1; 3x3 reduced, 3x3; 5x5 reduced, 5x5; after pooling (table 1 of the paper)
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


def unit(in_channels: int, channels: int, kernel: int, *, bias: bool = True) -> nn.Sequential:
    """Convolution, BN, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2, bias=bias),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class Inception(nn.Module):
    """Four branches, concatenated; the paper's 5x5 convolution is two of 3x3."""

    def __init__(self, in_channels: int, sizes: tuple[int, ...]) -> None:
        super().__init__()
        one, reduced3, three, reduced5, five, pooled = sizes
        self.branches = nn.ModuleList(
            [
                unit(in_channels, one, 1),
                nn.Sequential(unit(in_channels, reduced3, 1), unit(reduced3, three, 3)),
                nn.Sequential(
                    unit(in_channels, reduced5, 1), unit(reduced5, five, 3), unit(five, five, 3)
                ),
                nn.Sequential(nn.MaxPool2d(3, 1, padding=1), unit(in_channels, pooled, 1)),
            ]
        )
        self.channels = one + three + five + pooled

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class GoogLeNet(nn.Module):
    """Nine inception modules in stages of 2, 5 and 2; images keep their size until the second.

    stem: `one` 3x3 convolution with bias (as in PNM's experiments), or `three` without.
    dropout: of whole maps, before the last layer.
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    Differs: no auxiliary classifiers and no local response normalisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        stem: str,
        dropout: float,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        check_choice("stem", stem, STEM)
        if stem == "one":
            self.stem = unit(in_channels, 192, 3)
        else:
            self.stem = nn.Sequential(
                unit(in_channels, 64, 3, bias=False),
                unit(64, 64, 3, bias=False),
                unit(64, 192, 3, bias=False),
            )
        channels = 192
        stages = []
        for sizes in INCEPTIONS:
            modules = []
            for each in sizes:
                modules.append(Inception(channels, each))
                channels = modules[-1].channels
            stages.append(nn.Sequential(*modules))
        self.stages = nn.ModuleList(stages)
        self.dropout = nn.Dropout2d(dropout)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages[0](self.stem(images))
        for stage in self.stages[1:]:
            maps = stage(F.max_pool2d(maps, 3, 2, padding=1))  # (B, C, H/4, W/4) in the end
        features = self.dropout(maps.mean((2, 3), keepdim=True))  # (B, 1024, 1, 1)
        return self.linear(features.flatten(1))  # (B, K)
