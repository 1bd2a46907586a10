"""The batched crop and flip, held against a slow reference that is the text of the recipe."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from basin.augment.crop_flip import CropFlip
from basin.core.random import CounterDraws

VARIANTS = list(product(("reflect", "zeros"), ("flip_crop", "crop_flip")))


def reference(image, *, pad, padding, order, offset, mirrored):
    """One image (C, H, W), with numpy's own padding."""
    _, height, width = image.shape
    if mirrored and order == "flip_crop":
        image = image[:, :, ::-1]
    mode = "reflect" if padding == "reflect" else "constant"
    image = np.pad(image, ((0, 0), (pad, pad), (pad, pad)), mode=mode)
    y, x = offset
    image = image[:, y : y + height, x : x + width]
    return image[:, :, ::-1] if mirrored and order == "crop_flip" else image


def batch(size=64, channels=3, height=8, width=11):
    shape = (size, height, width, channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def crop_flip(*, alternate=False, after_normalisation=False, **values):
    return CropFlip(alternate=alternate, after_normalisation=after_normalisation, **values)


@pytest.mark.parametrize(("padding", "order"), VARIANTS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pad", [0, 4])
def test_equals_the_reference_pixel_for_pixel(padding, order, channels, pad):
    images, targets = batch(channels=channels), torch.arange(64)
    draws = CounterDraws(3, torch.arange(100, 164))
    augmentation = crop_flip(pad=pad, padding=padding, flip=0.5, order=order)
    got, same = augmentation(images, targets, draws)
    offsets = draws.integers("crop", 2 * pad + 1, num=2).tolist()
    mirrored = (draws.uniform("flip") < 0.5).flatten().tolist()
    assert len(set(map(tuple, offsets))) > 5 * pad and set(mirrored) == {True, False}
    for i in range(64):
        made = {"pad": pad, "padding": padding, "order": order}
        wanted = reference(images[i].numpy(), **made, offset=offsets[i], mirrored=mirrored[i])
        assert np.array_equal(got[i].numpy(), wanted)
    assert got.dtype == torch.uint8 and got.is_contiguous(memory_format=torch.channels_last)
    assert same is targets


def test_every_offset_is_drawn_and_the_flip_has_its_probability():
    size, pad = 20_000, 2
    images = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4).expand(size, 1, 4, 4)
    draws = CounterDraws(0, torch.arange(size))
    flip = crop_flip(pad=0, padding="zeros", flip=0.3, order="flip_crop")
    share = (flip(images, torch.zeros(size), draws)[0][:, 0, 0, 0] == 3).float().mean()
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / size) ** 0.5
    crop = crop_flip(pad=pad, padding="reflect", flip=0.0, order="flip_crop")
    centre = crop(images, torch.zeros(size), draws)[0][:, 0, 0, 0]
    shares = torch.tensor([(centre == value).float().mean() for value in range(16)])
    one = torch.tensor([0.2, 0.4, 0.4, 0.0])  # reflection: offsets -2..2 show pixels 2 1 0 1 2
    wanted = torch.outer(one, one).flatten()
    assert (shares - wanted).abs().max() < 4 * (0.25 / size) ** 0.5


def test_an_image_depends_on_its_draw_number_alone():
    images, targets = batch(), torch.zeros(64)
    augmentation = crop_flip(pad=4, padding="reflect", flip=0.5, order="flip_crop")
    numbers = torch.arange(64)
    whole = augmentation(images, targets, CounterDraws(1, numbers))[0]
    part = augmentation(images[10:20], targets[10:20], CounterDraws(1, numbers[10:20]))[0]
    assert torch.equal(whole[10:20], part)
    assert not torch.equal(whole, augmentation(images, targets, CounterDraws(2, numbers))[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("padding", "order"), VARIANTS)
def test_a_gpu_makes_the_same_images(padding, order):
    images, targets, numbers = batch(), torch.arange(64), torch.arange(100, 164)
    augmentation = crop_flip(pad=4, padding=padding, flip=0.5, order=order)
    wanted = augmentation(images, targets, CounterDraws(3, numbers))[0]
    got, _ = augmentation(images.cuda(), targets.cuda(), CounterDraws(3, numbers.cuda()))
    assert torch.equal(got.cpu(), wanted)
    assert got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pad": -1}, "pad=-1"),
        ({"pad": 1.5}, "pad=1.5"),
        ({"flip": 1.5}, "flip=1.5 must be a probability"),
        ({"padding": "edge"}, "padding='edge' is not one of"),
        ({"order": "both"}, "order='both' is not one of"),
    ],
)
def test_bad_values_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        crop_flip(**{"pad": 4, "padding": "zeros", "flip": 0.5, "order": "flip_crop", **changes})


def test_reflection_beyond_the_image_is_refused():
    augmentation = crop_flip(pad=8, padding="reflect", flip=0.5, order="flip_crop")
    with pytest.raises(ValueError, match="pad=8 must be less than the 8 x 11 pixels"):
        augmentation(batch(), torch.zeros(64), CounterDraws(0, torch.arange(64)))


def test_alternating_images_are_mirrored_at_every_second_pass():
    images, targets = batch(size=200), torch.arange(200)
    rows = torch.arange(200).flip(0)
    augmentation = crop_flip(pad=0, padding="zeros", flip=0.3, order="crop_flip", alternate=True)
    seen = []
    for epoch in range(4):
        numbers, passes = torch.arange(200) + 200 * epoch, torch.full((200,), epoch)
        draws = CounterDraws(3, numbers, indices=rows, passes=passes)
        got, _ = augmentation(images, targets, draws)
        mirrored = (got != images).flatten(1).any(1)
        assert torch.equal(got[mirrored], images[mirrored].flip(3))
        seen.append(mirrored)
    assert torch.equal(seen[0], ~seen[1]) and torch.equal(seen[0], seen[2])
    assert 0.15 < seen[0].double().mean() < 0.45


def test_alternation_goes_by_rows_not_by_places_in_the_order():
    images, targets = batch(size=50), torch.arange(50)
    augmentation = crop_flip(pad=0, padding="zeros", flip=0.5, order="crop_flip", alternate=True)
    mirrored = []
    for numbers in (torch.arange(50), torch.arange(50).flip(0)):
        zeros = torch.zeros(50, dtype=torch.int64)
        draws = CounterDraws(3, 7 * numbers, indices=numbers, passes=zeros)
        got, _ = augmentation(images[numbers], targets, draws)
        changed = (got != images[numbers]).flatten(1).any(1)
        mirrored.append(changed[numbers.argsort()])
    assert torch.equal(*mirrored)
