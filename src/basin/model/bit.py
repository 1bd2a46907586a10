"""Big Transfer: ResNet-v2 with GroupNorm and standardised weights (Kolesnikov et al. 2020).

arXiv:1912.11370; weight standardisation: Qiao et al. 2019, arXiv:1903.10520.
Differs: from scratch the head is torch's own, where the authors' JAX code begins with zeros.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basin.core.weights_file import WeightsFile
from basin.model.bit_weights import HEAD, load_
from basin.model.initialisation import check_choice, initialise_

GROUPS = 32
VARIANCE_EPSILON = 1e-10  # inside the root; other ports take 1e-8 or 1e-5


class StandardisedConv(nn.Conv2d):
    """Convolution whose filters are brought to mean 0 and variance 1, without bias."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__(in_channels, channels, kernel, stride, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, (1, 2, 3), correction=0, keepdim=True)
        weight = (self.weight - mean) * torch.rsqrt(variance + VARIANCE_EPSILON)
        return F.conv2d(x, weight, None, self.stride, self.padding)


class Unit(nn.Module):
    """x + conv(a3(conv(a2(conv(a1(x)))))): 1x1, 3x3 (which strides), 1x1; a = relu(norm).

    Where the shape changes, x is replaced by a strided 1x1 convolution of a1(x).
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        middle = channels // 4
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, in_channels), nn.GroupNorm(GROUPS, middle)
        self.norm3 = nn.GroupNorm(GROUPS, middle)
        self.conv1 = StandardisedConv(in_channels, middle, 1, 1)
        self.conv2 = StandardisedConv(middle, middle, 3, stride)
        self.conv3 = StandardisedConv(middle, channels, 1, 1)
        changes = stride != 1 or in_channels != channels
        self.projection = StandardisedConv(in_channels, channels, 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(self.norm1(x), inplace=True)
        residual = F.relu(self.norm2(self.conv1(activated)), inplace=True)
        residual = F.relu(self.norm3(self.conv2(residual)), inplace=True)
        shortcut = x if self.projection is None else self.projection(activated)
        return shortcut + self.conv3(residual)


class BigTransfer(nn.Module):
    """Four stages of `layers` units, 256, 512, 1024 and 2048 times `width` channels.

    width: the authors' are 1 to 4; 0.5 is for small experiments.
    weights: an .npz file of the authors, a path or a URL, and its `sha256` or `md5` (a URL needs
    one of them). head: what becomes of theirs: `keep` it, start from `zero` (as they transfer), or
    from a `fresh` one. Without weights the head is fresh.
    conv_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        layers: tuple[int, int, int, int],
        width: float,
        weights: str | None,
        sha256: str | None,
        md5: str | None,
        head: str,
        conv_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        if len(layers) != 4 or min(layers) < 1:
            raise ValueError(f"layers={list(layers)} is not four numbers of 1 or more: [3,4,6,3]")
        if width <= 0 or 2 * width % 1:
            raise ValueError(
                f"width={width} is not a multiple of half the channels, which GroupNorm's"
                f" {GROUPS} groups need: take 0.5, 1, 2, 3 or 4"
            )
        check_choice("head", head, HEAD)
        file = WeightsFile(weights, sha256=sha256, md5=md5)
        channels = int(64 * width)
        self.stem = StandardisedConv(in_channels, channels, 7, 2)
        stages = []
        for index, count in enumerate(layers):
            units: list[nn.Module] = []
            for position in range(count):
                stride = 2 if index > 0 and position == 0 else 1
                wider = int(256 * width) << index
                units.append(Unit(channels, wider, stride))
                channels = wider
            stages.append(nn.Sequential(*units))
        self.stages = nn.Sequential(*stages)
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(self, conv_init=conv_init, bn_weight_init="ones", linear_init=linear_init)
        if file.given and not self.linear.weight.is_meta:  # a check builds without the numbers
            load_(self, file.fetched(), head=head)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.pad(self.stem(images), (1, 1, 1, 1))  # the pool sees zeros around, not -inf
        maps = self.stages(F.max_pool2d(maps, 3, 2))  # (B, 2048 width, H/32, W/32)
        features = F.relu(self.norm(maps), inplace=True).mean((2, 3))  # (B, 2048 width)
        return self.linear(features)  # (B, K)
