"""Shears, shifts and rotations of whole minibatches, each image by its own amount."""

from __future__ import annotations

import torch
from torch import Tensor


def shear_x(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Row y moves by magnitude pixels a row, from the upper edge on: (B, 2, 3)."""
    zero, one = torch.zeros_like(magnitude), torch.ones_like(magnitude)
    return _matrix(one, magnitude, magnitude * size[0] / 2, zero, one, zero)


def shear_y(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Column x moves by magnitude pixels a column, from the left edge on."""
    zero, one = torch.zeros_like(magnitude), torch.ones_like(magnitude)
    return _matrix(one, zero, zero, magnitude, one, magnitude * size[1] / 2)


def translate_x(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """To the right, by whole pixels."""
    zero, one = torch.zeros_like(magnitude), torch.ones_like(magnitude)
    return _matrix(one, zero, -magnitude.trunc(), zero, one, zero)


def translate_y(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Down, by whole pixels."""
    zero, one = torch.zeros_like(magnitude), torch.ones_like(magnitude)
    return _matrix(one, zero, zero, zero, one, -magnitude.trunc())


def rotate(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Degrees about the centre, against the clock."""
    angle, zero = torch.deg2rad(magnitude), torch.zeros_like(magnitude)
    return _matrix(angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero)


def _matrix(*entries: Tensor) -> Tensor:
    """(B, 2, 3): from a pixel's place about the centre to that of the pixel it shows."""
    return torch.stack(entries, 1).view(-1, 2, 3)


def warp(images: Tensor, matrices: Tensor, fill: int) -> Tensor:
    """Images (B, C, H, W) uint8 whose every pixel is the nearest one that matrices (B, 2, 3) name.

    fill: level of the pixels from outside. As torchvision's affine and rotate with `nearest`.
    """
    size, channels, height, width = images.shape
    device = images.device
    y = torch.arange(height, device=device, dtype=torch.float32) - (height - 1) / 2
    x = torch.arange(width, device=device, dtype=torch.float32) - (width - 1) / 2
    grid = torch.stack(
        [x.repeat(height), y.repeat_interleave(width), torch.ones_like(x).repeat(height)]
    )  # (3, H W)
    columns, rows = (matrices @ grid).unbind(1)  # (B, H W) each, about the centre
    columns = (columns + (width - 1) / 2).round().long()
    rows = (rows + (height - 1) / 2).round().long()
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    first = torch.arange(0, size * height * width, height * width, device=device)[:, None]
    index = first + rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    table = images.permute(0, 2, 3, 1).reshape(-1, channels)
    pixels = table.index_select(0, index.view(-1)).masked_fill(~inside.view(-1, 1), fill)
    return pixels.view(size, height, width, channels).permute(0, 3, 1, 2)
