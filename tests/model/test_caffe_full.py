"""Caffe's full network, layer by layer as Caffe defines them."""

import pytest
import torch
import torch.nn.functional as F

from basin.model.caffe_full import CaffeFull, WithinChannelNorm

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "size": 32,
    "lrn_window": 3,
    "lrn_alpha": 5e-5,
    "lrn_beta": 0.75,
    "conv_std": [1e-4, 0.01, 0.01],
    "linear_std": 0.01,
}


def built(**changes):
    torch.manual_seed(0)
    return CaffeFull(**SETTINGS | changes)


def images(size=32):
    return torch.randn(2, 3, size, size, dtype=torch.float64)


def count(model):
    return sum(p.numel() for p in model.parameters())


def lrn_by_hand(x, alpha, beta):
    """Caffe's, element by element: 1 + alpha/9 times the sum of squares in a 3x3 window."""
    out = torch.empty_like(x)
    height, width = x.shape[2:]
    for i in range(height):
        for j in range(width):
            window = x[:, :, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
            out[:, :, i, j] = x[:, :, i, j] / (1 + alpha / 9 * window.square().sum((2, 3))) ** beta
    return out


def mean_pool_by_hand(x):
    """3x3 of stride 2 up to and over the edge; an edge window is the mean of what it has."""
    height, width = x.shape[2:]
    rows = [
        torch.stack(
            [x[:, :, i : i + 3, j : j + 3].mean((2, 3)) for j in range(0, width - 1, 2)], -1
        )
        for i in range(0, height - 1, 2)
    ]
    return torch.stack(rows, -2)


def test_lrn_within_channels_is_caffes():
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    norm = WithinChannelNorm(window=3, alpha=2.0, beta=0.75)
    torch.testing.assert_close(norm(x), lrn_by_hand(x, 2.0, 0.75), rtol=1e-12, atol=1e-12)


def test_caffe_full_layer_by_layer():
    model = built(lrn_alpha=0.5, conv_std=[0.1, 0.1, 0.1]).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    (w1, b1), (w2, b2), (w3, b3) = (
        (m.weight, m.bias) for m in model.features if isinstance(m, torch.nn.Conv2d)
    )
    x = images()
    y = F.conv2d(x, w1, b1, padding=2)
    y = F.max_pool2d(F.pad(y, (0, 1, 0, 1), value=-torch.inf), 3, 2).clamp(min=0)
    y = F.conv2d(lrn_by_hand(y, 0.5, 0.75), w2, b2, padding=2).clamp(min=0)
    y = F.conv2d(lrn_by_hand(mean_pool_by_hand(y), 0.5, 0.75), w3, b3, padding=2).clamp(min=0)
    y = mean_pool_by_hand(y)
    assert y.shape == (2, 64, 4, 4)
    torch.testing.assert_close(model(x), model.linear(y.reshape(2, 1024)), rtol=1e-11, atol=1e-11)


def test_caffe_full_draws_with_its_own_deviations():
    model = built()
    deviations = [m.weight.std().item() for m in (*model.features, model.linear) if count(m)]
    for measured, stated in zip(deviations, (1e-4, 0.01, 0.01, 0.01), strict=True):
        assert abs(measured / stated - 1) < 0.05
    assert all(not p.any() for name, p in model.named_parameters() if name.endswith("bias"))


def test_caffe_full_of_other_sizes():
    model = built(size=28)  # 28, 14, 7, 3 pixels; Caffe rounds up
    assert model.linear.in_features == 64 * 3 * 3 and model(torch.randn(2, 3, 28, 28)).shape == (
        2,
        10,
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 7}, "size=7 pixels are too few"),
        ({"lrn_window": 4}, "lrn_window=4 must be odd"),
        ({"conv_std": [0.1]}, r"conv_std=\[0.1\] must be three numbers above 0"),
        ({"linear_std": 0.0}, "linear_std=0.0 one"),
    ],
)
def test_bad_settings_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        built(**changes)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"model.size=32 is not the side of images of 16 x 32"):
        built()(torch.randn(2, 3, 16, 32))
