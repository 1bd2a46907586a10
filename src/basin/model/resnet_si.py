"""ResNet18SI and its affine form (Lobacheva et al. 2021, arXiv:2106.15739).

Pre-activation ResNet-18 with one more BN in each down-sampling shortcut (Li and Arora 2020,
arXiv:1910.07454): all convolutions together are scale-invariant where BN has no affine part.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from basin.core.scale_invariance import ScaleInvariant
from basin.model.frozen_head import linear_head
from basin.model.residual import conv3x3

BLOCKS_PER_STAGE = 2


class PreActivationSI(nn.Module):
    """conv(relu(bn(conv(a)))) + shortcut, a = relu(bn(x)); the shortcut is x, or conv1x1(bn(a))."""

    def __init__(self, in_channels: int, channels: int, stride: int, *, affine: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels, affine=affine)
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels, affine=affine)
        self.conv2 = conv3x3(channels, channels, 1)
        self.shortcut = (
            nn.Sequential(
                nn.BatchNorm2d(in_channels, affine=affine),
                nn.Conv2d(in_channels, channels, 1, stride, bias=False),
            )
            if stride != 1 or in_channels != channels
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(self.bn1(x), inplace=True)
        residual = self.conv2(F.relu(self.bn2(self.conv1(activated)), inplace=True))
        return residual + (x if self.shortcut is None else self.shortcut(activated))


class ResNet18SI(ScaleInvariant):
    """Stem of c channels; stages of two blocks of c, 2c, 4c, 8c channels; BN, ReLU, linear head.

    affine: BN with a scale and a shift. head_frozen: the head, without bias, is never trained.
    head_norm: Frobenius norm of its initial weight; None for PyTorch's own draw.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        channels: int,
        affine: bool,
        head_frozen: bool,
        head_norm: float | None,
    ) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels={channels} must be 1 or more, the first stage's; try 64")
        self.stem = conv3x3(in_channels, channels, 1)
        inner = channels
        blocks: list[nn.Module] = []
        for index in range(4):
            width = channels * 2**index
            for position in range(BLOCKS_PER_STAGE):
                stride = 2 if index > 0 and position == 0 else 1
                blocks.append(PreActivationSI(inner, width, stride, affine=affine))
                inner = width
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(inner, affine=affine)
        self.linear = linear_head(
            inner, num_classes, bias=False, frozen=head_frozen, norm=head_norm
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.blocks(self.stem(images))  # (B, 8 c, H/8, W/8)
        return self.linear(F.relu(self.bn(maps), inplace=True).mean((2, 3)))  # (B, K)
