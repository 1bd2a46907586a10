"""A baseline network of three convolutions for PSWA (Guo et al. 2022, arXiv:2201.00519).

Unverified: the paper names a CNN without its layers. These are ConvFC's in the code of mode
connectivity (Garipov et al. 2018, arXiv:1802.10026), from which the authors' other networks come.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from basin.model.initialisation import initialise_
from basin.model.square_images import check_size


class CNN(nn.Module):
    """5x5 convolutions, each with ReLU and 3x3 maximum pooling of stride 2; linear layers.

    size: pixels of an image's side. channels: of each convolution. hidden: units of each linear
    layer but the last. conv_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        size: int,
        channels: Sequence[int],
        hidden: Sequence[int],
        conv_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        if not channels or min(*channels, *hidden, 1) < 1:
            raise ValueError(
                f"channels={list(channels)} and hidden={list(hidden)} must all be 1 or more,"
                " and there must be a convolution"
            )
        self.size = left = size
        layers: list[nn.Module] = []
        before = in_channels
        for after in channels:
            layers.append(nn.Conv2d(before, after, 5, padding=2))
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)]
            before, left = after, (left - 1) // 2
        if left < 1:
            raise ValueError(
                f"size={size} pixels are too few for {len(channels)} poolings;"
                f" give {2 ** (len(channels) + 1) - 1} or more"
            )
        self.features = nn.Sequential(*layers)
        before *= left**2
        tail: list[nn.Module] = []
        for after in hidden:
            tail += [nn.Linear(before, after), nn.ReLU(inplace=True)]
            before = after
        self.head = nn.Sequential(*tail, nn.Linear(before, num_classes))
        initialise_(self, conv_init=conv_init, bn_weight_init="ones", linear_init=linear_init)

    def forward(self, images: Tensor) -> Tensor:
        check_size(images, self.size)
        return self.head(self.features(images).flatten(1))  # (B, K)
