"""Colour operations on whole minibatches (B, C, H, W) uint8, each image by its own magnitude (B,).

The arithmetic is that of torchvision's functions on uint8 tensors.
Differs: where theirs depends on the last bit of a float, a level may differ by one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    """1 + magnitude times the image."""
    return _blended(images, torch.zeros((), device=images.device), magnitude)


def colour(images: Tensor, magnitude: Tensor) -> Tensor:
    """Away from grey, or (a negative magnitude) towards it."""
    return _blended(images, _grey(images), magnitude)


def contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Away from the mean grey level."""
    return _blended(images, _grey(images).mean((1, 2, 3), keepdim=True), magnitude)


def sharpness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Away from the image smoothed by 3 x 3 pixels, whose edge is left."""
    if min(images.shape[2:]) <= 2:
        return images
    channels = images.shape[1]
    kernel = torch.ones(channels, 1, 3, 3, device=images.device, dtype=torch.float32)
    kernel[:, :, 1, 1] = 5
    smooth = images.float()
    inner = F.conv2d(smooth, kernel / 13, groups=channels).round()
    smooth = smooth.clone()
    smooth[:, :, 1:-1, 1:-1] = inner
    return _blended(images, smooth, magnitude)


def posterise(images: Tensor, magnitude: Tensor) -> Tensor:
    """The upper `magnitude` bits of each pixel."""
    mask = 256 - 2 ** (8 - magnitude.to(torch.int32))  # (B,)
    return images & mask[:, None, None, None].to(torch.uint8)


def solarise(images: Tensor, magnitude: Tensor) -> Tensor:
    """Pixels of the level `magnitude` and above inverted."""
    return torch.where(images >= magnitude[:, None, None, None], 255 - images, images)


def invert(images: Tensor, magnitude: Tensor) -> Tensor:
    """255 minus the image."""
    return 255 - images


def auto_contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Each channel stretched to 0 .. 255; one of a single level is left."""
    low, high = (m.float() for m in (images.amin((2, 3), True), images.amax((2, 3), True)))
    flat = low == high
    scale = torch.where(flat, 1.0, (high - low) / 255)
    stretched = (images.float() - torch.where(flat, 0.0, low)) / scale
    return _levels(stretched)


def equalise(images: Tensor, magnitude: Tensor) -> Tensor:
    """Each channel through the table that makes its histogram flat."""
    levels = images.flatten(2).long()  # (B, C, H W)
    ones = torch.ones_like(levels)
    histogram = torch.zeros(*levels.shape[:2], 256, dtype=torch.int64, device=images.device)
    histogram.scatter_add_(2, levels, ones)
    below_top = levels.shape[2] - histogram.gather(2, levels.amax(2, keepdim=True))  # (B, C, 1)
    step = below_top // 255
    table = (histogram.cumsum(2) + step // 2) // step.clamp(min=1)
    table = F.pad(table, (1, 0))[..., :-1].clamp(0, 255)
    flattened = torch.where(step == 0, levels, table.gather(2, levels))
    return flattened.view(images.shape).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """(B, 1, H, W), whole levels as floats."""
    if images.shape[1] == 1:
        return images.float()
    weights = torch.tensor([0.2989, 0.587, 0.114], device=images.device, dtype=torch.float32)
    return (images.float() * weights[:, None, None]).sum(1, keepdim=True).floor()


def _blended(images: Tensor, other: Tensor, magnitude: Tensor) -> Tensor:
    """other + (1 + magnitude) (image - other)."""
    factor = (1 + magnitude)[:, None, None, None]
    return _levels(factor * images + (1 - factor) * other)


def _levels(values: Tensor) -> Tensor:
    """Rounded down to whole levels; a whole level that came out as 76.99999 is 77."""
    return (values + 1e-3).clamp(0, 255).to(torch.uint8)
