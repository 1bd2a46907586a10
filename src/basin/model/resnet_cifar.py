"""The narrow residual networks for CIFAR (He et al. 2016, arXiv:1512.03385, section 4.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import check_choice, initialise_
from basin.model.residual import BasicBlock, conv3x3, projection
from basin.model.stochastic_depth import StochasticDepth, check_survival, linear_decay

WIDTHS = (16, 32, 64)
SHORTCUT = ("A", "B")


class PaddedShortcut(nn.Module):
    """Option A: every second pixel, and zero channels, half of them on either side."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        extra = channels - in_channels
        self.pad = (0, 0, 0, 0, extra // 2, extra - extra // 2)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.pad)


class ResNetCifar(nn.Module):
    """Stem of 16 channels, three stages of n basic blocks of 16, 32, 64 channels; depth = 6n + 2.

    shortcut: A pads by zero channels where a stage begins, B projects (1x1 convolution and BN).
    survival: of the last block in stochastic depth, falling linearly from 1; 1 is without.
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    Differs: the paper does not say on which side A pads; both, as the port that most people use.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int,
        shortcut: str,
        survival: float,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth={depth} is not 6n + 2 with n >= 1: take 20, 32, 44, 56, ...")
        check_choice("shortcut", shortcut, SHORTCUT)
        check_survival(survival)
        survivals = iter(linear_decay(survival, (depth - 2) // 2))
        widening = PaddedShortcut if shortcut == "A" else projection
        channels = WIDTHS[0]
        self.stem, self.bn = conv3x3(in_channels, channels, 1), nn.BatchNorm2d(channels)
        stages = []
        for width in WIDTHS:
            blocks: list[nn.Module] = []
            for _ in range((depth - 2) // 6):
                alive = next(survivals)
                same = width == channels
                stride = 1 if same else 2
                blocks.append(
                    BasicBlock(
                        channels,
                        width,
                        stride,
                        shortcut=nn.Identity() if same else widening(channels, width, stride),
                        gate=StochasticDepth(alive) if survival < 1 else None,
                    )
                )
                channels = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(F.relu(self.bn(self.stem(images)), inplace=True))  # (B, 64, H/4, W/4)
        return self.linear(maps.mean((2, 3)))  # (B, K)
