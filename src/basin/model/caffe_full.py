"""Caffe's CIFAR-10 "full" network, as cyclical learning rates train it.

Smith 2017 (arXiv:1506.01186); the layers are those of BVLC/caffe's cifar10_full.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from basin.model.square_images import check_size

CHANNELS = (32, 32, 64)


class WithinChannelNorm(nn.Module):
    """x (1 + alpha m)^-beta, m the mean of x^2 over a window of the same map, padded by zeros."""

    def __init__(self, *, window: int, alpha: float, beta: float) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ValueError(f"lrn_window={window} must be odd, such as 3, to have a middle")
        self.window, self.alpha, self.beta = window, alpha, beta

    def forward(self, x: Tensor) -> Tensor:
        mean = F.avg_pool2d(x.square(), self.window, 1, self.window // 2)
        return x * (1 + self.alpha * mean) ** -self.beta


class CaffeFull(nn.Module):
    """Three 5x5 convolutions with 3x3 pooling of stride 2, LRN after two; a linear layer.

    Pooling rounds up, as Caffe does: 32, 16, 8, 4 pixels. size: pixels of an image's side.
    conv_std, linear_std: of the normal draw of each convolution and of the linear layer; biases 0.
    Differs: Caffe's factors of single parameters' learning rate and decay are an optimizer's.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        size: int,
        lrn_window: int,
        lrn_alpha: float,
        lrn_beta: float,
        conv_std: Sequence[float],
        linear_std: float,
    ) -> None:
        super().__init__()
        if size < 8:
            raise ValueError(f"size={size} pixels are too few for three poolings; give 8 or more")
        if len(conv_std) != 3 or min(*conv_std, linear_std) <= 0:
            raise ValueError(
                f"conv_std={list(conv_std)} must be three numbers above 0, and"
                f" linear_std={linear_std} one"
            )
        self.size = size
        norm = partial(WithinChannelNorm, window=lrn_window, alpha=lrn_alpha, beta=lrn_beta)
        average = partial(nn.AvgPool2d, 3, 2, ceil_mode=True)
        conv1, conv2, conv3 = (
            nn.Conv2d(before, after, 5, padding=2)
            for before, after in zip((in_channels, *CHANNELS), CHANNELS, strict=False)
        )
        self.features = nn.Sequential(
            *(conv1, nn.MaxPool2d(3, 2, ceil_mode=True), nn.ReLU(inplace=True), norm()),
            *(conv2, nn.ReLU(inplace=True), average(), norm()),
            *(conv3, nn.ReLU(inplace=True), average()),
        )
        left = size
        for _ in CHANNELS:
            left = -(-(left - 3) // 2) + 1
        self.linear = nn.Linear(CHANNELS[-1] * left**2, num_classes)
        stds = (*conv_std, linear_std)
        for layer, std in zip((conv1, conv2, conv3, self.linear), stds, strict=True):
            for name, parameter in layer.named_parameters():
                nn.init.normal_(parameter, std=std if name == "weight" else 0.0)

    def forward(self, images: Tensor) -> Tensor:
        check_size(images, self.size)
        maps = self.features(images)  # (B, 64, H/8, W/8)
        return self.linear(maps.flatten(1))  # (B, K)
