"""ConvNetSI and its affine form (Lobacheva et al. 2021, arXiv:2106.15739).

Without affine BN and with a frozen head the loss keeps its value under any rescaling of a weight.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from basin.core.scale_invariance import ScaleInvariant
from basin.model.frozen_head import linear_head


class ConvNetSI(ScaleInvariant):
    """Four 3x3 convolutions of c, 2c, 4c, 8c channels, each with BN and ReLU; a linear head.

    2x2 maximum pooling after the second, third and fourth, then the maximum of each map.
    affine: BN with a scale and a shift. head_frozen: the head is never trained.
    head_norm: Frobenius norm of its initial weight; None for PyTorch's own draw.
    Differs: the last pooling takes whole maps; the authors' window of 4 is one at 32 x 32 pixels.
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
            raise ValueError(f"channels={channels} must be 1 or more, the first layer's; try 32")
        layers: list[nn.Module] = []
        inner = in_channels
        for index, width in enumerate(channels * 2**i for i in range(4)):
            layers += [
                nn.Conv2d(inner, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width, affine=affine),
                nn.ReLU(inplace=True),
            ]
            if index:
                layers.append(nn.MaxPool2d(2))
            inner = width
        self.features = nn.Sequential(*layers)
        self.linear = linear_head(inner, num_classes, bias=True, frozen=head_frozen, norm=head_norm)

    def forward(self, images: Tensor) -> Tensor:
        if min(images.shape[2:]) < 8:
            raise ValueError(
                f"images of {images.shape[2]} x {images.shape[3]} pixels are too small for"
                " ConvNetSI's three poolings; they must have 8 or more"
            )
        maps = self.features(images)  # (B, 8 c, H/8, W/8)
        return self.linear(F.adaptive_max_pool2d(maps, 1).flatten(1))  # (B, K)
