"""VGG-16 for 32 x 32 images (Simonyan and Zisserman 2015, arXiv:1409.1556, configuration D)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from basin.model.initialisation import check_choice, initialise_

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of 3x3 convolutions between two poolings."""
HEADS = ("three_linear", "linear")


class VGG(nn.Module):
    """13 convolutions with bias, five poolings, and a head on the 512 features that are left.

    width: channels are the paper's times this.
    batch_norm: BN after every convolution.
    head: `three_linear` is Dropout, 512, ReLU, Dropout, 512, ReLU, K (the authors of SWA,
    arXiv:1803.05407); `linear` is K alone (kuangliu/pytorch-cifar).
    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        width: float,
        batch_norm: bool,
        head: str,
        dropout: float,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
    ) -> None:
        super().__init__()
        check_choice("head", head, HEADS)
        if round(64 * width) < 1:
            raise ValueError(f"width={width} leaves no channels; the paper's is 1")
        layers: list[nn.Module] = []
        channels = in_channels
        for wide, count in STAGES:
            for _ in range(count):
                layers.append(nn.Conv2d(channels, round(wide * width), 3, padding=1))
                channels = round(wide * width)
                if batch_norm:
                    layers.append(nn.BatchNorm2d(channels))
                layers.append(nn.ReLU(inplace=True))
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        hidden = (channels, channels, channels) if head == "three_linear" else (channels,)
        tail: list[nn.Module] = []
        for a, b in pairwise(hidden):
            tail += [nn.Dropout(dropout), nn.Linear(a, b), nn.ReLU(inplace=True)]
        self.head = nn.Sequential(*tail, nn.Linear(channels, num_classes))
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        if min(images.shape[2:]) < 32:
            raise ValueError(
                f"images of {images.shape[2]} x {images.shape[3]} pixels are too small for VGG's"
                " five poolings; they must have 32 or more"
            )
        return self.head(self.features(images).mean((2, 3)))  # (B, K)
