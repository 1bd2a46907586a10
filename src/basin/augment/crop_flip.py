"""Random crop of a padded image and random horizontal flip, for a whole minibatch at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad as pad_zeros

from basin.core.protocols import Draws

PADDINGS = ("reflect", "zeros")
ORDERS = ("flip_crop", "crop_flip")


@dataclass(frozen=True, kw_only=True)
class CropFlip:
    """Pad by `pad` pixels, crop the old size at a uniform offset, mirror with probability `flip`.

    padding: `reflect` without repeating the edge, or `zeros`.
    order: `flip_crop` mirrors the image before it is padded (Lua WRN, arXiv:1605.07146, train.lua);
    `crop_flip` mirrors the crop. The distribution is the same, the image of a given draw is not.
    alternate: an image is mirrored at random in the first pass over the data, with probability
    `flip`, and then at every second pass (Jordan 2024, arXiv:2404.00498, section 3.6).
    after_normalisation: zeros are then the mean colour instead of black.
    """

    pad: int
    padding: str
    flip: float
    order: str
    alternate: bool
    after_normalisation: bool

    def __post_init__(self) -> None:
        if isinstance(self.pad, bool) or not isinstance(self.pad, int) or self.pad < 0:
            raise ValueError(f"crop_flip pad={self.pad!r} must be a number of pixels, 0 or more")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"crop_flip flip={self.flip} must be a probability, 0 to 1")
        if self.padding not in PADDINGS:
            raise ValueError(f"crop_flip padding={self.padding!r} is not one of {PADDINGS}")
        if self.order not in ORDERS:
            raise ValueError(f"crop_flip order={self.order!r} is not one of {ORDERS}")

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), channels_last, changed; targets as they were."""
        height, width = images.shape[2:]
        if self.padding == "reflect" and self.pad >= min(height, width):
            raise ValueError(
                f"crop_flip pad={self.pad} must be less than the {height} x {width} pixels of the"
                " image to be filled by reflection; take padding=zeros or a smaller pad"
            )
        offsets = draws.integers("crop", 2 * self.pad + 1, num=2)  # (B, 2), y and x
        mirrored = self._mirrored(draws)  # (B, 1)
        rows = offsets[:, :1] + torch.arange(height, device=images.device)  # (B, H), padded frame
        columns = torch.arange(width, device=images.device)
        if self.order == "crop_flip":
            columns = offsets[:, 1:] + torch.where(mirrored, width - 1 - columns, columns)
        else:  # mirroring commutes with padding
            columns = offsets[:, 1:] + columns
            columns = torch.where(mirrored, width + 2 * self.pad - 1 - columns, columns)
        if self.padding == "reflect":
            rows, columns = (
                _reflected(rows - self.pad, height),
                _reflected(columns - self.pad, width),
            )
        else:
            images = pad_zeros(images, (self.pad,) * 4)
        return _pixels(images, rows, columns), targets

    def _mirrored(self, draws: Draws) -> Tensor:
        """Which images are (B, 1)."""
        if not self.alternate:
            return draws.uniform("flip") < self.flip
        first = draws.by_row().uniform("flip") < self.flip
        return first ^ (draws.passes[:, None] % 2 == 1)


def _reflected(coordinates: Tensor, size: int) -> Tensor:
    """Coordinates of an image of `size` pixels mirrored at its first and last pixel: -1 -> 1."""
    last = size - 1
    return last - (last - coordinates.abs()).abs()


def _pixels(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixels at (rows (B, h), columns (B, w)) of images (B, C, H, W): (B, C, h, w), channels_last.

    One index_select of whole pixels; on a CPU it is 1.5 to 4 times faster than advanced indexing
    or gather (128 CIFAR images on one thread: 0.9 ms).
    """
    size, channels, height, width = images.shape
    first = torch.arange(0, size * height, height, device=images.device)[:, None]
    index = ((first + rows) * width)[:, :, None] + columns[:, None, :]  # (B, h, w)
    table = images.permute(0, 2, 3, 1).reshape(-1, channels)
    picked = table.index_select(0, index.view(-1))
    return picked.view(*index.shape, channels).permute(0, 3, 1, 2)
