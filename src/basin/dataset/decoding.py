"""From an image file to pixels of one size: Inception's random crop, or resize and centre crop.

Szegedy et al. 2015 (arXiv:1409.4842), section 6, as torchvision's RandomResizedCrop has it: up to
ten boxes of random area and aspect ratio, then the largest central one of an admitted ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

TRIES = 10
NUM_DRAWS = 4 * TRIES
"""Uniform numbers of one crop: area, ratio, top and left of each try."""

INTERPOLATIONS = ("bilinear", "bicubic")
CROPS = ("inception", "centre")


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """How a file becomes (H, W, 3) uint8 pixels, H = W = size."""

    size: int  # pixels
    resize: int  # shorter side before the central crop, pixels
    scale: tuple[float, float]  # least and greatest area of Inception's crop, of the image
    ratio: tuple[float, float]  # least and greatest width / height of it
    interpolation: str
    crop: str  # inception | centre: of an image for which there are random numbers

    def __call__(self, path: Path, uniforms: Tensor | None) -> Tensor:
        """Decode; `uniforms` (NUM_DRAWS,) choose Inception's crop; None asks for the central one.

        Raises OSError where the file is no whole image.
        """
        from PIL import Image
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.v2 import functional as F

        mode = InterpolationMode(self.interpolation)
        with Image.open(path) as file:
            image = file.convert("RGB")
        if uniforms is None or self.crop == "centre":
            image = F.resize(image, [self.resize], interpolation=mode)
            image = F.center_crop(image, [self.size, self.size])
        else:
            box = random_box(
                image.height, image.width, uniforms.tolist(), scale=self.scale, ratio=self.ratio
            )
            image = F.resized_crop(image, *box, size=[self.size] * 2, interpolation=mode)
        return torch.from_numpy(np.array(image))  # (H, W, 3)


def random_box(
    height: int,
    width: int,
    uniforms: Sequence[float],
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[int, int, int, int]:
    """Top, left, height and width of Inception's crop of an image."""
    low, high = math.log(ratio[0]), math.log(ratio[1])
    for attempt in range(TRIES):
        area, shape, top, left = uniforms[4 * attempt : 4 * attempt + 4]
        target = height * width * (scale[0] + (scale[1] - scale[0]) * area)
        aspect = math.exp(low + (high - low) * shape)
        w, h = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        if 0 < w <= width and 0 < h <= height:
            return int(top * (height - h + 1)), int(left * (width - w + 1)), h, w
    w, h = width, height
    if width / height < ratio[0]:
        h = round(width / ratio[0])
    elif width / height > ratio[1]:
        w = round(height * ratio[1])
    return (height - h) // 2, (width - w) // 2, h, w
