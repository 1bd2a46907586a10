"""BiT against timm's port with equal weights, and by hand."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from official_bit import LAYERS, model, official_shapes, write
from test_model_contract import build
from timm.layers import StdConv2d
from timm.models.resnetv2 import ResNetV2

from basin.model.bit import StandardisedConv


def test_shapes_of_the_files_are_those_of_the_published_sizes():
    for option, layers, width in (
        ("bit_r50x1", (3, 4, 6, 3), 1),
        ("bit_r101x3", (3, 4, 23, 3), 3),
        ("bit_r152x4", (3, 8, 36, 3), 4),
    ):
        count = sum(int(np.prod(s)) for s in official_shapes(layers, width, 10).values())
        ours = build(option, device="meta")
        assert sum(p.numel() for p in ours.parameters()) == count


def test_published_weights_give_the_logits_of_timms_port(tmp_path):
    npz = write(tmp_path / "BiT.npz", classes=5)
    ours = model(weights=str(npz), head="keep").double()
    conv = partial(StdConv2d, eps=1e-10)  # timm's own definitions have 1e-8
    theirs = ResNetV2(list(LAYERS), num_classes=5, stem_type="fixed", conv_layer=conv)
    theirs.load_pretrained(str(npz))
    images = torch.randn(2, 3, 75, 64, dtype=torch.float64)
    torch.testing.assert_close(ours(images), theirs.double()(images), rtol=1e-9, atol=1e-9)


def test_filters_are_standardised_by_the_biased_variance():
    conv = StandardisedConv(1, 2, 3, 1).double()
    with torch.no_grad():
        conv.weight.copy_(torch.arange(1.0, 10.0).reshape(1, 1, 3, 3) * torch.ones(2, 1, 1, 1))
        conv.weight[1] *= 1e-5  # a variance of 6.67e-10 beside 1e-10
    image = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    image[..., 1, 1] = 1  # the map is the filter, turned around
    filters = conv(image).flip(2, 3).flatten(2)[0]
    published = torch.tensor([-1.5491933385, -1.1618950039, -0.7745966692], dtype=torch.float64)
    torch.testing.assert_close(filters[0, :3], published, rtol=1e-9, atol=0)
    shrunk = published * (6.6666666667 / 7.6666666667) ** 0.5
    torch.testing.assert_close(filters[1, :3], shrunk, rtol=1e-9, atol=0)


def test_the_pool_sees_zeros_around_its_maps():
    network = model().eval()
    seen = []
    network.stages.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    images = torch.randn(1, 3, 32, 32)
    network(images)
    maps = F.pad(network.stem(images), (1, 1, 1, 1), value=0.0)
    assert torch.equal(seen[0], maps.unfold(2, 3, 2).unfold(3, 3, 2).amax((4, 5)))
    assert (seen[0][:, :, 0] >= 0).all() and (seen[0][:, :, 1:, 1:] < 0).any()


def test_without_weights_the_head_is_not_zero():
    assert model().linear.weight.any()


def test_refusals():
    for changes, message in (
        ({"layers": [3, 4, 6]}, "not four numbers"),
        ({"layers": [3, 4, 0, 3]}, "not four numbers"),
        ({"width": 0}, "width=0 is not"),
        ({"width": 0.7}, "width=0.7 is not"),
        ({"head": "new"}, "head='new' is not one of keep, zero, fresh"),
    ):
        with pytest.raises(ValueError, match=message):
            model(**changes)
