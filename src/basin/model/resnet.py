"""ImageNet's residual networks (He et al. 2016, arXiv:1512.03385, table 1) in their CIFAR form.

A 3x3 stem of stride 1 without pooling, four stages of 64 to 512 channels, option B shortcuts, as
in kuangliu/pytorch-cifar.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.initialisation import initialise_
from basin.model.residual import BasicBlock, Bottleneck, conv3x3, projection

WIDTHS = (64, 128, 256, 512)
BLOCKS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
"""depth -> block and the number of blocks in each stage."""


class ResNet(nn.Module):
    """Residual network of a depth in table 1.

    conv_init, bn_weight_init, linear_init: basin.model.initialisation.
    zero_last_bn: the scale of every block's last BN begins at 0, so that a block begins as its
    shortcut (Goyal et al. 2017, arXiv:1706.02677, section 5.1).
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int,
        conv_init: str,
        bn_weight_init: str,
        linear_init: str,
        zero_last_bn: bool,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"depth={depth} is not one of {', '.join(map(str, BLOCKS))}")
        block, counts = BLOCKS[depth]
        channels = WIDTHS[0]
        self.stem, self.bn = conv3x3(in_channels, channels, 1), nn.BatchNorm2d(channels)
        stages = []
        for index, (width, count) in enumerate(zip(WIDTHS, counts, strict=True)):
            blocks: list[nn.Module] = []
            for position in range(count):
                stride = 2 if index > 0 and position == 0 else 1
                same = stride == 1 and channels == block.expansion * width
                shortcut = (
                    nn.Identity() if same else projection(channels, block.expansion * width, stride)
                )
                blocks.append(block(channels, width, stride, shortcut=shortcut))
                channels = block.expansion * width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(channels, num_classes)
        initialise_(
            self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
        )
        for module in self.modules():
            if zero_last_bn and isinstance(module, (BasicBlock, Bottleneck)):
                nn.init.zeros_(module.last_norm.weight)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(F.relu(self.bn(self.stem(images)), inplace=True))  # (B, C, H/8, W/8)
        return self.linear(maps.mean((2, 3)))  # (B, K)
