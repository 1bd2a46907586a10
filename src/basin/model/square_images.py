"""Networks whose linear layers see every pixel of their last maps, for images of one size."""

from __future__ import annotations

from torch import Tensor


def check_size(images: Tensor, size: int) -> None:
    """Raise ValueError where images (B, C, H, W) are not of a network's size."""
    if images.shape[2:] != (size, size):
        raise ValueError(
            f"model.size={size} is not the side of images of"
            f" {images.shape[2]} x {images.shape[3]} pixels"
        )
