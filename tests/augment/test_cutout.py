"""Cutout pixel by pixel against a loop over images."""

import pytest
import torch

from basin.augment.cutout import Cutout
from basin.core.random import CounterDraws

IMAGES = torch.randn(64, 3, 9, 11).contiguous(memory_format=torch.channels_last)
DRAWS = CounterDraws(4, torch.arange(64))


@pytest.mark.parametrize("size", [1, 4, 5, 40])
@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("per", ["image", "batch"])
def test_equals_the_reference(size, probability, per):
    targets = torch.arange(64)
    got, same = Cutout(size=size, probability=probability, per=per)(IMAGES, targets, DRAWS)
    wanted = IMAGES.clone()
    for i in range(64):
        source = i if per == "image" else 0
        y, x = DRAWS.integers("y", 9)[source].item(), DRAWS.integers("x", 11)[source].item()
        if DRAWS.uniform("cut")[source].item() < probability:
            top, left = y - size // 2, x - size // 2
            wanted[i, :, max(top, 0) : top + size, max(left, 0) : left + size] = 0
    assert torch.equal(got, wanted) and same is targets
    assert got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"size": 0}, "size=0"), ({"probability": 2.0}, "=2.0"), ({"per": "row"}, "per='row'")],
)
def test_bad_values_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        Cutout(**{"size": 4, "probability": 1.0, "per": "image", **changes})
