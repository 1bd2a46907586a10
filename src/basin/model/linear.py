"""A linear model: least squares, or multinomial logistic regression with cross entropy."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """One linear layer of the flattened image.

    initial: the value of every weight and bias at the start; None is PyTorch's uniform draw on
    +-1 / sqrt(inputs).
    """

    def __init__(
        self, *, num_classes: int, in_channels: int, size: int, bias: bool, initial: float | None
    ) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"size={size} must be 1 pixel or more, the side of the image")
        self.size = size
        self.fc = nn.Linear(in_channels * size**2, num_classes, bias=bias)
        if initial is not None:
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.fill_(initial)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits (B, K)."""
        if images.shape[2:] != (self.size, self.size):
            raise ValueError(
                f"model.size={self.size} is not the side of images of"
                f" {images.shape[2]} x {images.shape[3]} pixels"
            )
        return self.fc(images.flatten(1))
