import pytest
import torch
import torch.nn.functional as F

from basin.model.pyramidnet import PyramidNet

FIELDS = {
    "num_classes": 10,
    "in_channels": 3,
    "depth": 20,
    "alpha": 9,
    "block": "basic",
    "widths": "rounded",
    "survival": 1.0,
    "shakedrop_level": "batch",
    "conv_init": "fan_out",
    "bn_weight_init": "ones",
    "linear_init": "default",
}


def network(**fields):
    return PyramidNet(**{**FIELDS, **fields})


@pytest.mark.parametrize(
    ("widths", "channels"),
    [("rounded", [18, 19, 20, 22, 24, 25]), ("truncated", [17, 19, 20, 22, 23, 25])],
)
def test_widths_grow_by_the_same_amount_at_every_block(widths, channels):
    one = network(depth=14, widths=widths)  # 16 + 1.5 a block; 17.5 rounds to the even 18
    assert [block.channels for block in one.blocks] == channels


def test_truncated_widths_have_other_counts():
    with torch.device("meta"):
        one = network(depth=272, alpha=200, block="bottleneck", widths="truncated")
    assert sum(p.numel() for p in one.parameters()) == 26_049_562  # counted


def test_a_block_is_its_residual_and_the_input_padded_at_the_end():
    one = network(depth=14).double().eval().blocks[2]  # the first of the second stage
    x = torch.randn(2, 19, 8, 8, dtype=torch.float64)
    residual = one.last_norm(
        one.convolutions[1](one.norms[1](one.convolutions[0](one.norms[0](x))).relu())
    )
    missing = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    expected = residual + torch.cat([torch.nn.functional.avg_pool2d(x, 2), missing], 1)
    torch.testing.assert_close(one(x), expected)


def normalised(x, norm):
    return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=1e-5)


def jittered(model):
    """Random BN scales and biases, so that a missing or misplaced BN shows."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.weight)
            torch.nn.init.normal_(layer.bias)
    return model.double().train()


def test_a_bottleneck_strides_in_its_3x3_convolution():
    torch.manual_seed(0)
    model = jittered(network(depth=29, block="bottleneck"))
    one = model.blocks[3]  # the first of the second stage
    x = torch.randn(3, 4 * 19, 8, 8, dtype=torch.float64)
    down, middle, up = (layer.weight for layer in one.convolutions)
    y = F.conv2d(normalised(x, one.norms[0]), down)
    y = F.conv2d(normalised(y, one.norms[1]).relu(), middle, stride=2, padding=1)
    y = normalised(F.conv2d(normalised(y, one.norms[2]).relu(), up), one.last_norm)
    y[:, : 4 * 19] += F.avg_pool2d(x, 2)
    assert y.shape == (3, 4 * 20, 4, 4)
    torch.testing.assert_close(one(x), y, rtol=1e-12, atol=1e-12)


def test_network_activates_after_its_last_norm_and_not_after_its_stem():
    torch.manual_seed(0)
    model = jittered(network(depth=8))
    images = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    maps = model.blocks(normalised(model.stem(images), model.stem_norm))
    features = normalised(maps, model.norm).relu().mean((2, 3))
    torch.testing.assert_close(model(images), model.linear(features), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("level", "shared"), [("batch", True), ("image", False)])
def test_the_level_reaches_the_blocks(level, shared):
    gate = network(survival=0.5, shakedrop_level=level).blocks[-1].gate.train()
    torch.manual_seed(0)
    kept = [gate(torch.ones(16, 1, 1, 1)).flatten() == 1 for _ in range(8)]
    assert all(bool(k.all() or not k.any()) for k in kept) == shared


def test_survival_falls_linearly_to_the_last_block():
    one = network(survival=0.5)
    survivals = [block.gate.survival for block in one.blocks]
    assert survivals == pytest.approx([1 - (i + 1) / 9 * 0.5 for i in range(9)])
    assert all(isinstance(block.gate, torch.nn.Identity) for block in network().blocks)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth": 21}, r"depth=21 is not 6n \+ 2"),
        ({"block": "bottleneck", "depth": 110, "alpha": -1}, "alpha=-1 is below 0"),
        ({"widths": "up"}, "widths='up' is not one of rounded, truncated"),
        ({"survival": 0.0}, "survival=0.0"),
    ],
)
def test_what_it_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        network(**fields)
