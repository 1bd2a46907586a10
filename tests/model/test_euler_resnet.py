"""Forward-Euler networks: one step by hand, the limit of depth, other depths."""

import pytest
import torch
import torch.nn.functional as F

from basin.model.euler_resnet import EulerResNet, EulerStep
from basin.model.euler_transfer import transfer

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "widths": [4, 6],
    "nodes": 5,
    "horizon": 1.0,
    "last_node": False,
    "norm": "batch",
    "kernel": 3,
    "activation": "relu",
    "conv_init": "fan_in",
    "linear_init": "default",
}


def built(seed=0, **changes):
    torch.manual_seed(seed)
    return EulerResNet(**SETTINGS | changes).double()


def images():
    torch.manual_seed(9)
    return torch.randn(3, 3, 8, 8, dtype=torch.float64)


def test_a_step_adds_dt_times_the_residual():
    torch.manual_seed(0)
    step = EulerStep(4, 3, dt=0.25, norm="batch", activation="relu").double()
    q = torch.randn(3, 4, 6, 6, dtype=torch.float64)
    residual = F.relu(F.batch_norm(q, None, None, training=True))
    residual = F.conv2d(residual, step.conv1.weight, padding=1)
    residual = F.relu(F.batch_norm(residual, None, None, training=True))
    residual = F.conv2d(residual, step.conv2.weight, padding=1)
    torch.testing.assert_close(step(q), q + 0.25 * residual, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("nodes", "dt"), [(2, 3.0), (4, 1.0), (7, 0.5)])
def test_every_depth_integrates_to_the_horizon(nodes, dt):
    model = built(nodes=nodes, horizon=3.0)
    steps = [m.dt for m in model.steps[0]]
    assert steps == [dt] * (nodes - 1) and sum(steps) == 3.0
    beyond = [m.dt for m in built(nodes=nodes, horizon=3.0, last_node=True).steps[0]]
    assert beyond == [dt] * nodes


def test_depth_converges_to_the_flow_at_first_order():
    """With the same F at every time, the error of Euler's method halves with the step."""
    x, outputs = images(), []
    coarse = built(nodes=2, norm="none", conv_init="default")
    for nodes in (9, 17, 33, 1025):
        model = coarse.with_nodes(nodes)
        rows = [{0: 1.0}] * (nodes - 1)
        model.load_state_dict(transfer(coarse.state_dict(), rows))
        outputs.append(model(x))
    errors = [(out - outputs[-1]).abs().max().item() for out in outputs[:-1]]
    assert 1.9 < errors[0] / errors[1] < 2.15 and 1.9 < errors[1] / errors[2] < 2.15


def test_other_depths_are_like_this_one():
    fine = built(nodes=9)
    coarse = fine.coarser()
    assert coarse.nodes == 5 and coarse.linear.weight.dtype == torch.float64
    assert fine.with_nodes(17).num_steps == 16
    assert coarse.coarser().coarser().num_steps == 1


def test_without_norm_an_images_logits_depend_on_it_alone():
    model = built(norm="none")
    x = images()
    torch.testing.assert_close(model(x)[:1], model(x[:1]), rtol=1e-12, atol=1e-12)
    assert not [*model.buffers()]


@pytest.mark.parametrize("nodes", [2, 4])
def test_some_depths_cannot_be_halved(nodes):
    with pytest.raises(ValueError, match=f"nodes={nodes} cannot be halved: take"):
        built(nodes=nodes).coarser()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nodes": 1}, "nodes=1 leave no step between 0 and T"),
        ({"widths": []}, r"widths=\[\] must all be 1 or more"),
        ({"horizon": 0.0}, "horizon=0.0 above 0"),
        ({"kernel": 2}, "kernel=2 has no middle: take 1, 3"),
        ({"activation": "elu"}, "activation='elu' is not one of relu, tanh"),
        ({"norm": "layer"}, "norm='layer' is not one of batch, none"),
    ],
)
def test_bad_settings_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        built(**changes)
