"""LeNet with 20 and 50 maps and 500 hidden units.

A small network of entropic gradient descent (Pittorino et al. 2021, arXiv:2006.07897).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from basin.model.square_images import check_size


class LeNet(nn.Module):
    """Two times 5x5 convolution without padding, ReLU and 2x2 maximum pooling; two linear layers.

    channels: of both convolutions. hidden: units between the linear layers. size: pixels of an
    image's side. batch_norm: before each ReLU. dropout: of the hidden units.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        size: int,
        channels: Sequence[int],
        hidden: int,
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        if size < 16:
            raise ValueError(
                f"size={size} pixels are too few for LeNet's 5x5 convolutions; give 16 or more"
            )
        if len(channels) != 2 or min(*channels, hidden) < 1:
            raise ValueError(
                f"channels={list(channels)} must be two numbers of 1 or more, and"
                f" hidden={hidden} one"
            )
        self.size = size
        layers: list[nn.Module] = []
        before, left = in_channels, size
        for after in channels:
            layers.append(nn.Conv2d(before, after, 5))
            layers += [nn.BatchNorm2d(after)] if batch_norm else []
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(2)]
            before, left = after, (left - 4) // 2
        self.features = nn.Sequential(*layers)
        tail: list[nn.Module] = [nn.Linear(before * left**2, hidden)]
        tail += [nn.BatchNorm1d(hidden)] if batch_norm else []
        tail += [nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(hidden, num_classes)]
        self.head = nn.Sequential(*tail)

    def forward(self, images: Tensor) -> Tensor:
        check_size(images, self.size)
        return self.head(self.features(images).flatten(1))  # (B, K)
