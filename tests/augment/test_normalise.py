"""Normalisation: the formula, the layouts and the dtypes."""

from __future__ import annotations

import pytest
import torch

from basin.core.images import Normalise


def normalise(images, mean, std, **how):
    return Normalise(mean, std, width=images.shape[3], **how)(images)


MEAN, STD = torch.tensor([0.49, 0.48, 0.45]), torch.tensor([0.25, 0.24, 0.26])
IMAGES = torch.arange(2 * 3 * 8 * 16).remainder(256).to(torch.uint8).view(2, 3, 8, 16)


def exact(images=IMAGES):
    return (images.double() / 255 - MEAN.double()[:, None, None]) / STD.double()[:, None, None]


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("given_last", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_is_the_formula_in_each_layout_and_dtype(channels_last, given_last, dtype):
    layouts = {True: torch.channels_last, False: torch.contiguous_format}
    images = IMAGES.contiguous(memory_format=layouts[given_last])
    got = normalise(images, MEAN, STD, dtype=dtype, channels_last=channels_last)
    assert got.dtype == dtype and got.is_contiguous(memory_format=layouts[channels_last])
    error = (got.double() - exact()).abs().max()
    assert error < 4 * torch.finfo(dtype).eps  # values reach 2.1
    assert torch.equal(images, IMAGES)


def test_layouts_agree_bitwise_and_one_object_serves_many_batches():
    made = {"width": 16, "dtype": torch.float32}
    last = Normalise(MEAN, STD, channels_last=True, **made)
    plain = Normalise(MEAN, STD, channels_last=False, **made)
    for images in (IMAGES, IMAGES[:1], 255 - IMAGES):
        assert torch.equal(last(images), plain(images))


@pytest.mark.parametrize("channels_last", [True, False])
def test_images_that_are_floats_already_are_normalised(channels_last):
    images = IMAGES.float()
    got = normalise(images, MEAN, STD, dtype=torch.float64, channels_last=channels_last)
    assert torch.equal(got, IMAGES.double())
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert got.is_contiguous(memory_format=layout)


def test_one_channel_is_served():
    images = IMAGES[:, :1]
    got = normalise(images, MEAN[:1], STD[:1], dtype=torch.float64, channels_last=True)
    assert torch.allclose(got, exact()[:, :1], rtol=0, atol=1e-15)
