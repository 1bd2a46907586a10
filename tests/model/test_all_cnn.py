"""All-CNN-C by hand, in both sizes that its papers have."""

import pytest
import torch
import torch.nn.functional as F

from basin.model.all_cnn import AllCNN

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "width": 0.125,
    "batch_norm": True,
    "input_dropout": 0.2,
    "dropout": 0.5,
    "last_kernel": 3,
    "head": "activated",
    "conv_init": "default",
    "bn_weight_init": "ones",
}


def built(**changes):
    torch.manual_seed(0)
    return AllCNN(**SETTINGS | changes)


def images(size=32):
    return torch.randn(2, 3, size, size, dtype=torch.float64)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_all_cnn_c_is_the_authors_in_size():
    plan = [(3, 96), *[(96, 96)] * 2, (96, 192), *[(192, 192)] * 4]
    expected = sum(9 * a * b + 3 * b for a, b in plan) + 192 * 10 + 3 * 10
    assert count(built(width=1.0)) == expected == 1_667_166


def test_all_cnn_c_of_springenberg_has_a_1x1_layer_and_a_plain_head():
    model = built(width=1.0, batch_norm=False, last_kernel=1, head="plain")
    plan = [(3, 96), *[(96, 96)] * 2, (96, 192), *[(192, 192)] * 3]
    expected = sum(9 * a * b + b for a, b in plan) + (192 + 1) * 192 + (192 + 1) * 10
    assert count(model) == expected
    x = torch.randn(2, 3, 32, 32)
    assert model.eval()(x).min() < 0 <= built().eval()(x).min()


def test_all_cnn_by_hand():
    model = built(input_dropout=0.0, dropout=0.0).double()
    y = x = images()
    for m in model.features:
        if isinstance(m, torch.nn.Conv2d):
            stride = 2 if m is model.features[7] or m is model.features[17] else 1
            y = F.conv2d(y, m.weight, m.bias, stride, padding=m.weight.shape[2] // 2)
            y = F.batch_norm(y, None, None, training=True).clamp(min=0)
    assert y.shape == (2, 10, 8, 8)
    torch.testing.assert_close(model(x), y.flatten(2).mean(2), rtol=1e-10, atol=1e-10)


def test_all_cnn_drops_pixels_and_after_both_strides():
    model = built()
    layers = [*model.features]
    places = {i: m.p for i, m in enumerate(layers) if isinstance(m, torch.nn.Dropout)}
    assert [*places.values()] == [0.2, 0.5, 0.5] and min(places) == 0
    strided = [i for i, m in enumerate(layers) if getattr(m, "stride", 1) == (2, 2)]
    assert [i + 3 for i in strided] == [*places][1:]  # convolution, BN, ReLU, dropout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"head": "linear"}, "head='linear' is not one of activated, plain"),
        ({"last_kernel": 2}, "last_kernel=2 is not one of 1, 3"),
        ({"width": 0.001}, "width=0.001 leaves no channels"),
    ],
)
def test_bad_settings_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        built(**changes)
