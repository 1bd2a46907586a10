"""The operations that AutoAugment and RandAugment choose from, and how strong they are.

Cubuk et al. 2019 (arXiv:1805.09501), table 6, with the magnitudes of torchvision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from basin.augment import colour, geometry

GEOMETRY: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "ShearX": geometry.shear_x,
    "ShearY": geometry.shear_y,
    "TranslateX": geometry.translate_x,
    "TranslateY": geometry.translate_y,
    "Rotate": geometry.rotate,
}
COLOUR: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Brightness": colour.brightness,
    "Color": colour.colour,
    "Contrast": colour.contrast,
    "Sharpness": colour.sharpness,
    "Posterize": colour.posterise,
    "Solarize": colour.solarise,
    "AutoContrast": colour.auto_contrast,
    "Equalize": colour.equalise,
    "Invert": colour.invert,
}
NAMES = ("Identity", *GEOMETRY, *COLOUR)
SIGNED = frozenset({*GEOMETRY, "Brightness", "Color", "Contrast", "Sharpness"})


def strengths(num: int, size: tuple[int, int]) -> Tensor:
    """(operations, num): what each of `num` magnitudes means for images of H x W pixels."""
    height, width = size
    ends = {
        **dict.fromkeys(("ShearX", "ShearY"), 0.3),
        "TranslateX": 150 / 331 * width,
        "TranslateY": 150 / 331 * height,
        "Rotate": 30.0,
        **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.9),
    }
    rows = []
    for name in NAMES:
        if name == "Posterize":
            rows.append(8 - (torch.arange(num) / max((num - 1) / 4, 1e-9)).round())
        elif name == "Solarize":
            rows.append(torch.linspace(255, 0, num))
        else:
            rows.append(torch.linspace(0, ends.get(name, 0.0), num))
    return torch.stack(rows).float()


def apply(images: Tensor, operations: Tensor, magnitudes: Tensor, fill: int) -> Tensor:
    """Images (B, C, H, W) uint8 after their operation (B,), a place in NAMES, of a magnitude (B,).

    On a CPU each operation sees the images that it is for; elsewhere all of them, so that the
    host need not know how many those are. The result is channels_last.
    """
    result = images.contiguous(memory_format=torch.channels_last).clone()
    size = (images.shape[2], images.shape[3])
    matrices = magnitudes.new_zeros(len(images), 2, 3)
    moved = torch.zeros_like(operations, dtype=torch.bool)
    for name, matrix in GEOMETRY.items():
        mine = operations == NAMES.index(name)
        matrices = torch.where(mine[:, None, None], matrix(magnitudes, size), matrices)
        moved |= mine
    _replace_(result, moved, partial(geometry.warp, fill=fill), matrices)
    for name, function in COLOUR.items():
        _replace_(result, operations == NAMES.index(name), function, magnitudes)
    return result


def _replace_(
    images: Tensor, mine: Tensor, function: Callable[[Tensor, Tensor], Tensor], amounts: Tensor
) -> None:
    """images[mine] = function(images[mine], amounts[mine])."""
    if images.device.type == "cpu":
        rows = mine.nonzero().squeeze(1)
        if len(rows):
            images[rows] = function(images[rows], amounts[rows])
    else:
        images.copy_(torch.where(mine[:, None, None, None], function(images, amounts), images))
