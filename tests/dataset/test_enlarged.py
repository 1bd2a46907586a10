"""BiT's resolution rule: which sides, whole images at test, random crops in training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from basin.core.protocols import Dataset
from basin.core.random import CounterDraws
from basin.dataset.enlarged import Enlarged, square
from basin.dataset.facts import Facts
from basin.dataset.mirrored import Mirrored
from basin.dataset.resident import Resident

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8))
ROWS = torch.tensor([4, 0])


class Base:
    facts = Facts(train=6, test=6, num_classes=2, shape=(3, 8, 8))
    num_train = 6

    def load(self):
        part = Resident(IMAGES, torch.arange(6) % 2)
        return Dataset(part, None, part, ("a", "b"), (3, 8, 8), (0.5,) * 3, (0.5,) * 3)


def enlarged(base=None, **changes):
    fields = {"below": 96, "small": [20, 16], "large": [6, 4]}
    return Enlarged(base=base or Base(), **{**fields, **changes})


@pytest.mark.parametrize("side", [16, 4])
def test_pixels_are_pils(side):
    found = square(IMAGES, side)
    for image, ours in zip(IMAGES, found, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        theirs = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
        gap = np.abs(ours.permute(1, 2, 0).numpy().astype(int) - theirs.astype(int))
        assert gap.max() <= 1  # PIL rounds after each of the two directions


@pytest.mark.parametrize(("shape", "crop"), [((3, 95, 97), 16), ((3, 96, 96), 4)])
def test_the_rule_goes_by_the_area(shape, crop):
    base = Base()
    base.facts = replace(Base.facts, shape=shape)
    assert enlarged(base).facts.shape == (3, crop, crop)


def test_test_images_are_whole_and_training_images_are_crops_of_larger_ones():
    data = enlarged().load()
    assert data.shape == (3, 16, 16) and torch.equal(data.test.labels, torch.arange(6) % 2)
    whole, labels = data.test.fetch(ROWS, None)
    assert torch.equal(whole, square(IMAGES[ROWS], 16)) and labels.tolist() == [0, 0]
    larger, corners = square(IMAGES[ROWS], 20), set()
    for number in range(40):
        draws = CounterDraws(5, torch.tensor([2 * number, 2 * number + 1]))
        crops, _ = data.train.fetch(ROWS, draws)
        again, _ = next(data.train.stream([(ROWS, draws)]))
        assert torch.equal(crops, again) and crops.is_contiguous(memory_format=torch.channels_last)
        windows = larger.unfold(2, 16, 1).unfold(3, 16, 1)  # (B, C, 5, 5, 16, 16)
        same = (windows == crops[:, :, None, None]).all(-1).all(-1).all(1)  # (B, 5, 5)
        assert same.flatten(1).sum(1).tolist() == [1, 1]
        corners |= {tuple(where) for where in same.nonzero()[:, 1:].tolist()}
    assert len(corners) > 20 and {y for y, _ in corners} == {x for _, x in corners} == {*range(5)}


def test_labels_can_change_behind_it():
    train = enlarged().load().train.relabelled(torch.ones(6, dtype=torch.int64))
    assert train.fetch(ROWS)[1].tolist() == train.to("cpu").labels[ROWS].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: enlarged(small=[16, 20]), r"dataset.small=\[16, 20\] must be two sides"),
        (lambda: enlarged(large=[16]), r"dataset.large=\[16\] must be two sides"),
        (lambda: Mirrored(base=enlarged()).load(), "needs a base whose pixels are all in memory"),
    ],
)
def test_what_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
