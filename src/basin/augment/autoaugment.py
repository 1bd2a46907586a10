"""AutoAugment's learnt policies (Cubuk et al. 2019, arXiv:1805.09501), for whole minibatches."""

from __future__ import annotations

import torch
from torch import Tensor

from basin.augment.operations import NAMES, SIGNED, apply, strengths
from basin.core.protocols import Draws

POLICIES = ("cifar10", "svhn", "imagenet")
MAGNITUDES = 10


class AutoAugment:
    """One of the policy's 25 sub-policies for each image: two operations, each with a probability.

    fill: level of the pixels that come from outside. Pixels are uint8, before and after.
    Differs: operations and magnitudes are torchvision's, which rounds otherwise than PIL.
    """

    after_normalisation = False

    def __init__(self, *, policy: str, fill: int) -> None:
        if policy not in POLICIES:
            raise ValueError(f"autoaugment policy={policy!r} is not one of {', '.join(POLICIES)}")
        check_fill("autoaugment", fill)
        from torchvision.transforms import AutoAugment as Theirs
        from torchvision.transforms import AutoAugmentPolicy

        chosen = Theirs(AutoAugmentPolicy(policy)).policies
        self._operations = torch.tensor([[NAMES.index(o[0]) for o in pair] for pair in chosen])
        self._probabilities = torch.tensor([[o[1] for o in pair] for pair in chosen])
        self._magnitudes = torch.tensor([[o[2] or 0 for o in pair] for pair in chosen])
        self._signed = torch.tensor([[o[0] in SIGNED for o in pair] for pair in chosen])
        self._fill = fill
        self._tables: dict[tuple[int, int], tuple[Tensor, ...]] = {}  # by size of the images

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) uint8, changed; targets as they were."""
        check_pixels("autoaugment", images)
        size = (images.shape[2], images.shape[3])
        if size not in self._tables:
            strength = strengths(MAGNITUDES, size)[self._operations, self._magnitudes]
            tables = (self._operations, self._probabilities, self._signed, strength)
            self._tables[size] = tuple(table.to(images.device) for table in tables)
        which = draws.integers("policy", len(self._operations)).squeeze(1)  # (B,)
        operations, probabilities, signed, strength = (t[which] for t in self._tables[size])
        acts = draws.uniform("apply", 2) < probabilities  # (B, 2), as all of these
        operations = torch.where(acts, operations, 0)
        sign = torch.where(signed, 1 - 2 * draws.integers("sign", 2, 2), 1)
        for turn in range(2):
            amount = (strength * sign)[:, turn]
            images = apply(images, operations[:, turn], amount, self._fill)
        return images, targets


def check_fill(name: str, fill: int) -> None:
    """Raise ValueError where it is no level of a pixel."""
    if not 0 <= fill <= 255:
        raise ValueError(f"{name} fill={fill} must be 0 to 255, the level of a pixel")


def check_pixels(name: str, images: Tensor) -> None:
    """Raise ValueError where images are no pixels any more, or have no colours."""
    if images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"{name} works on uint8 pixels of 1 or 3 channels; these are {images.dtype} of"
            f" {images.shape[1]}: leave it out"
        )
