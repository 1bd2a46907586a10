import math

import pytest
import torch

from basin.augment.random_erasing import RandomErasing
from basin.core.random import CounterDraws

NUM = 4000
IMAGES = torch.ones(NUM, 3, 32, 24).contiguous(memory_format=torch.channels_last)
TARGETS = torch.arange(NUM)
DRAWS = CounterDraws(4, TARGETS)


def erasing(**changes):
    fields = {"probability": 1.0, "scale": [0.02, 0.33], "ratio": [0.3, 3.3], "fill": "zero"}
    return RandomErasing(**{**fields, **changes})


def boxes(images):
    """Top, bottom, left, right of what is not 1, and whether it is a whole box."""
    erased = images[:, 0] != 1
    rows, columns = erased.any(2), erased.any(1)
    assert torch.equal(erased, rows[:, :, None] & columns[:, None, :])
    assert torch.equal(erased, images[:, 2] != 1)
    return rows.sum(1), columns.sum(1), rows.float().argmax(1), columns.float().argmax(1)


def test_boxes_have_their_area_ratio_and_place():
    images, same = erasing()(IMAGES, TARGETS, DRAWS)
    assert same is TARGETS and images.is_contiguous(memory_format=torch.channels_last)
    height, width, top, left = (v.double() for v in boxes(images))
    share = height * width / (32 * 24)
    assert share.min() > 0.012 and share.max() < 0.36  # whole pixels
    ratio = (height / width).log()
    assert math.log(0.2) < ratio.min() and ratio.max() < math.log(4)
    room = 32 - height
    place = ((top + 0.5) / (room + 1))[room > 4]
    assert abs(place.mean() - 0.5) < 4 * (1 / 12 / len(place)) ** 0.5
    assert (left + width <= 24).all() and len(left.unique()) > 15


def test_probability_is_that_of_an_image():
    images, _ = erasing(probability=0.3)(IMAGES, TARGETS, DRAWS)
    touched = (images == 0).flatten(1).any(1).double().mean()
    assert abs(touched - 0.3) < 0.03  # 4 sigma
    assert torch.equal(erasing(probability=0.0)(IMAGES, TARGETS, DRAWS)[0], IMAGES)


def test_noise_is_standard_normal_and_of_each_pixel():
    images, _ = erasing(fill="noise", scale=[0.2, 0.3])(IMAGES[:500], TARGETS, DRAWS_500)
    noise = images[images != 1].double()
    assert abs(noise.mean()) < 0.02 and abs(noise.std() - 1) < 0.02
    height, _, top, left = boxes(images)
    first = [images[i, :, top[i], left[i]] for i in range(500) if height[i]]
    assert len(torch.cat(first).unique()) == 3 * len(first)


DRAWS_500 = CounterDraws(4, TARGETS[:500])


def test_a_box_that_fits_nowhere_leaves_the_image():
    images, _ = erasing(scale=[1.0, 1.0], ratio=[1.0, 1.0])(IMAGES, TARGETS, DRAWS)
    assert torch.equal(images, IMAGES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probability": 1.5}, "probability=1.5 must be 0 to 1"),
        ({"scale": [0.3, 0.1]}, r"scale=\[0.3, 0.1\] must be two numbers above 0, the smaller"),
        ({"scale": [0.1, 1.2]}, "and at most 1"),
        ({"ratio": [0.0, 1.0]}, r"ratio=\[0.0, 1.0\] must be two numbers above 0"),
        ({"fill": "black"}, "fill='black' is not one of zero, noise"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        erasing(**changes)
