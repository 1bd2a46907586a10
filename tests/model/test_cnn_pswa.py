"""The CNN of PSWA by hand."""

import pytest
import torch
import torch.nn.functional as F

from basin.model.cnn_pswa import CNN

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "size": 32,
    "channels": [32, 64, 128],
    "hidden": [1000, 1000],
    "conv_init": "fan_out",
    "linear_init": "default",
}


def built(**changes):
    torch.manual_seed(0)
    return CNN(**SETTINGS | changes)


def images(size=32):
    return torch.randn(2, 3, size, size, dtype=torch.float64)


def test_cnn_of_pswa_by_hand():
    model = built().double()
    w = [*model.parameters()]
    y = x = images()
    for k in range(3):
        y = F.max_pool2d(F.conv2d(y, w[2 * k], w[2 * k + 1], padding=2), 3, 2).clamp(min=0)
    assert y.shape == (2, 128, 3, 3)
    y = y.reshape(2, 1152)
    for k in range(3, 6):
        y = y @ w[2 * k].T + w[2 * k + 1]
        y = y.clamp(min=0) if k < 5 else y
    torch.testing.assert_close(model(x), y, rtol=1e-10, atol=1e-10)


def test_the_smallest_size_of_the_cnn_works():
    assert built(size=15)(torch.randn(2, 3, 15, 15)).shape == (2, 10)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 14}, "size=14 pixels are too few for 3 poolings; give 15"),
        ({"channels": []}, "there must be a convolution"),
        ({"hidden": [0]}, r"hidden=\[0\] must all be 1 or more"),
    ],
)
def test_bad_settings_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        built(**changes)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"model.size=32 is not the side of images of 16 x 32"):
        built()(torch.randn(2, 3, 16, 32))
