import pytest
import torch

from basin.model.resnet_cifar import ResNetCifar
from basin.model.stochastic_depth import StochasticDepth, linear_decay

MAPS = torch.ones(8, 2, 3, 3, dtype=torch.float64)


def network(survival, shortcut="A"):
    return ResNetCifar(
        num_classes=10,
        in_channels=3,
        depth=20,
        shortcut=shortcut,
        survival=survival,
        conv_init="fan_in",
        bn_weight_init="ones",
        linear_init="kaiming",
    )


def test_a_branch_is_there_for_the_whole_minibatch_or_not():
    layer = StochasticDepth(0.7).train()
    torch.manual_seed(1)
    passes = [layer(MAPS) for _ in range(500)]
    alive = [bool(p.bool().all()) for p in passes]
    assert all(torch.equal(p, MAPS if a else 0 * MAPS) for p, a in zip(passes, alive, strict=True))
    assert abs(sum(alive) / 500 - 0.7) < 0.08  # 4 sigma


def test_evaluation_takes_the_expectation():
    assert torch.equal(StochasticDepth(0.7).eval()(MAPS), 0.7 * MAPS)


def test_linear_decay():
    assert linear_decay(0.5, 4) == [0.875, 0.75, 0.625, 0.5]


def test_survival_falls_linearly_over_the_blocks():
    blocks = [block for stage in network(0.5).stages for block in stage]
    survivals = [block.gate.survival for block in blocks]
    assert survivals == pytest.approx([1 - 0.5 * number / 9 for number in range(1, 10)])


def test_evaluation_scales_the_branch_after_its_last_norm():
    block = network(0.5).eval().stages[0][0]
    torch.nn.init.normal_(block.bn2.bias)
    torch.nn.init.normal_(block.bn2.running_mean)
    x = torch.rand(2, 16, 4, 4)
    residual = block.bn2(block.conv2(block.bn1(block.conv1(x)).relu()))
    expected = (x + (1 - 0.5 / 9) * residual).relu()
    torch.testing.assert_close(block(x), expected, rtol=1e-6, atol=1e-6)


def test_a_dropped_block_is_its_shortcut():
    one = network(1e-9).train()
    block = one.stages[2][2]  # the last, whose survival is that
    x = torch.rand(4, 64, 8, 8)
    assert torch.equal(block(x), x)  # x is not negative, so the last ReLU leaves it


def test_survival_of_1_is_the_plain_network():
    torch.manual_seed(0)
    plain = network(1.0)
    torch.manual_seed(0)
    stochastic = network(0.5)
    left, right = plain.state_dict(), stochastic.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key], right[key]) for key in left)


def test_what_it_refuses():
    with pytest.raises(ValueError, match="survival=0 is not a probability above 0"):
        network(0)
