"""Random erasing (Zhong et al. 2017, arXiv:1708.04896, Algorithm 1), for whole minibatches."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi

import torch
from torch import Tensor

from basin.core.protocols import Draws

FILLS = ("zero", "noise")
TRIES = 10
"""Boxes that are drawn until one fits; where none does, the image is left."""
MOST = 1024
"""Numbers of one name that `Draws` has for an example."""


class RandomErasing:
    """A box of each image, with `probability`, replaced by zeros (the mean colour) or by noise.

    scale: of its area in the image's; ratio: of its height to its width, uniform in the logarithm.
    fill: `zero`, or `noise`, standard normal numbers at each pixel and channel.
    """

    after_normalisation = True

    def __init__(
        self, *, probability: float, scale: Sequence[float], ratio: Sequence[float], fill: str
    ) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"random_erasing probability={probability} must be 0 to 1")
        for name, pair, high in (("scale", scale, 1.0), ("ratio", ratio, float("inf"))):
            if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= high:
                raise ValueError(
                    f"random_erasing {name}={list(pair)} must be two numbers above 0, the smaller"
                    f" first{', and at most 1' if name == 'scale' else ''}"
                )
        if fill not in FILLS:
            raise ValueError(f"random_erasing fill={fill!r} is not one of {', '.join(FILLS)}")
        self._probability, self._scale, self._ratio, self._fill = probability, scale, ratio, fill

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), normalised, with their boxes; targets as they were."""
        height, width = images.shape[2:]
        top, left, high, wide = self._boxes(height, width, draws)  # (B, 1) each
        rows = torch.arange(height, device=images.device) - top
        columns = torch.arange(width, device=images.device) - left
        inside = ((rows >= 0) & (rows < high))[:, None, :, None]
        inside = inside & ((columns >= 0) & (columns < wide))[:, None, None, :]
        if self._fill == "zero":
            return images * ~inside, targets  # keeps the layout, as masked_fill does not
        return torch.where(inside, _normal(images, draws), images), targets

    def _boxes(self, height: int, width: int, draws: Draws) -> tuple[Tensor, ...]:
        """Top, left, height and width (B, 1) int64; a height of 0 where nothing is erased."""
        area = _between(draws.uniform("area", TRIES), *self._scale) * (height * width)
        low, high = (log(r) for r in self._ratio)
        ratio = _between(draws.uniform("ratio", TRIES), low, high).exp()  # (B, tries)
        tall, wide = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (tall < height) & (wide < width)
        first = fits.to(torch.int8).argmax(1, keepdim=True)  # of the first that fits, or 0
        acts = fits.gather(1, first) & (draws.uniform("erase") < self._probability)
        tall, wide = (v.gather(1, first).long() for v in (tall, wide))
        place = draws.uniform("place", 2)
        top = (place[:, :1] * (height - tall + 1)).long()
        left = (place[:, 1:] * (width - wide + 1)).long()
        return top, left, torch.where(acts, tall, 0), wide


def _between(uniform: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * uniform


def _normal(images: Tensor, draws: Draws) -> Tensor:
    """Standard normal numbers for every value of the images, by Box and Muller (1958)."""
    size = images[0].numel()

    def uniform(name: str) -> Tensor:
        parts = [
            draws.uniform(f"{name} {start}", min(MOST, size - start))
            for start in range(0, size, MOST)
        ]
        return torch.cat(parts, 1)

    radius = (-2 * torch.log1p(-uniform("radius"))).sqrt()
    return (radius * torch.cos(2 * pi * uniform("angle"))).view(images.shape).to(images.dtype)
