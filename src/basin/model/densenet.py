"""Densely connected networks (Huang et al. 2017, arXiv:1608.06993) in their CIFAR form."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import initialise_
from basin.model.recomputation import recomputed


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
        return torch.cat((x, self._rest(self._first(x))), 1)

    def replayed(self, maps: Sequence[Tensor]) -> Tensor:
        """The new maps alone, from all before; backward computes again what is as wide as these.

        Dropout is outside of that, so that nothing is drawn twice.
        """
        norm = self.bn2 if self.bn1 is None else self.bn1
        return self._rest(recomputed(self._first, *maps, norms=[norm]))

    def _first(self, *maps: Tensor) -> Tensor:
        """The convolution that sees all maps, with its BN and ReLU."""
        x = torch.cat(maps, 1) if len(maps) > 1 else maps[0]
        if self.bn1 is not None and self.conv1 is not None:
            return self.conv1(F.relu(self.bn1(x)))
        return self.conv2(F.relu(self.bn2(x)))

    def _rest(self, first: Tensor) -> Tensor:
        if self.bn1 is None:
            return self.dropout(first)
        return self.dropout(self.conv2(F.relu(self.bn2(self.dropout(first)))))


class DenseNet(nn.Module):
    """Stem; blocks of dense layers; BN, ReLU, 1x1 convolution and 2x2 mean pooling between them.

    layers: dense layers of each block. growth: k, channels that each adds.
    stem: its channels. compression: theta, share of the channels that a transition keeps.
    dropout: after every convolution of a dense layer; the paper's is 0.2 without augmentation.
    memory_efficient: keep no concatenation for backward, and compute it with its BN, ReLU and
    convolution again (Pleiss et al. 2017, arXiv:1707.06990). Compiled networks do not need it.
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
        memory_efficient: bool,
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
        self.memory_efficient = memory_efficient
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )

    def forward(self, images: Tensor) -> Tensor:
        # Under torch.compile the partitioner chooses what is computed again
        saving = self.memory_efficient and torch.is_grad_enabled()
        if saving and not torch.compiler.is_compiling():
            maps = self._replayed(images)
        else:
            maps = self.features(images)  # (B, C, H, W) over 2 to the number of transitions
        return self.linear(F.relu(self.bn(maps), inplace=True).mean((2, 3)))  # (B, K)

    def _replayed(self, images: Tensor) -> Tensor:
        """The features, without a concatenation that outlives its layer inside a block."""
        maps = [images]
        for part in self.features:
            if isinstance(part, DenseLayer):
                maps.append(part.replayed(maps))
            else:
                maps = [part(torch.cat(maps, 1) if len(maps) > 1 else maps[0])]
        return torch.cat(maps, 1)
