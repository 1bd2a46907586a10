"""DenseNet computing its concatenations again: the same numbers, and BN moves once."""

import pytest
import torch
import torch.nn.functional as F

from basin.model.densenet import DenseLayer, DenseNet

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "layers": [3, 2],
    "growth": 4,
    "stem": 6,
    "bottleneck": True,
    "compression": 0.5,
    "dropout": 0.2,
    "memory_efficient": False,
    "conv_init": "fan_in",
    "bn_weight_init": "uniform",
    "linear_init": "default",
}


def pair(**changes):
    """The plain form and the other with the same weights, in channels_last and float64."""
    models = []
    for memory_efficient in (False, True):
        torch.manual_seed(0)
        settings = SETTINGS | {"memory_efficient": memory_efficient} | changes
        models.append(DenseNet(**settings).double().to(memory_format=torch.channels_last))
    return models


def images():
    torch.manual_seed(1)
    return torch.randn(4, 3, 8, 8, dtype=torch.float64).to(memory_format=torch.channels_last)


def step(model, x):
    """Logits, gradients and buffers of one pass; dropout draws the same in each."""
    torch.manual_seed(2)
    logits = model(x)
    gradients = torch.autograd.grad(logits.square().sum(), [*model.parameters()])
    return logits, gradients, [*model.buffers()]


@pytest.mark.parametrize("bottleneck", [True, False])
def test_outputs_gradients_and_statistics_are_the_plain_forms(bottleneck):
    plain, saving = pair(bottleneck=bottleneck)
    for _ in range(2):  # the second from statistics that the first has moved
        logits, gradients, buffers = step(plain, images())
        same_logits, same_gradients, same_buffers = step(saving, images())
        assert torch.equal(logits, same_logits)
        assert all(torch.equal(a, b) for a, b in zip(buffers, same_buffers, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(gradients, same_gradients, strict=True))
    counts = {b.item() for name, b in saving.named_buffers() if name.endswith("tracked")}
    assert counts == {2}


@pytest.mark.parametrize("bottleneck", [True, False])
def test_a_layer_by_hand(bottleneck):
    torch.manual_seed(0)
    layer = DenseLayer(6, 4, bottleneck=bottleneck, dropout=0.3).double()
    x = torch.randn(3, 6, 5, 5, dtype=torch.float64)
    norms = {"running_mean": None, "running_var": None, "training": True}
    torch.manual_seed(1)
    y = x
    if bottleneck:
        y = F.conv2d(F.batch_norm(y, **norms).clamp(min=0), layer.conv1.weight)
        y = F.dropout(y, 0.3)
    y = F.conv2d(F.batch_norm(y, **norms).clamp(min=0), layer.conv2.weight, padding=1)
    y = F.dropout(y, 0.3)
    torch.manual_seed(1)
    torch.testing.assert_close(layer(x), torch.cat((x, y), 1), rtol=1e-12, atol=1e-12)
    torch.manual_seed(1)
    torch.testing.assert_close(layer.replayed([x[:, :2], x[:, 2:]]), y, rtol=1e-12, atol=1e-12)


def test_backward_computes_the_wide_part_again():
    _, saving = pair()
    calls = []
    layer = next(m for m in saving.modules() if isinstance(m, DenseLayer))
    layer.bn1.register_forward_hook(lambda *_: calls.append("wide"))
    layer.bn2.register_forward_hook(lambda *_: calls.append("narrow"))
    loss = saving(images()).sum()
    assert calls == ["wide", "narrow"]
    loss.backward()
    assert calls == ["wide", "narrow", "wide"]


def test_no_concatenation_is_kept_inside_a_block():
    def kept(model):
        elements = []
        pack = torch.autograd.graph.saved_tensors_hooks(
            lambda t: elements.append(t.numel()) or t, lambda t: t
        )
        with pack:
            model(images())
        return sum(elements)

    plain, saving = pair(layers=[12], dropout=0.0, growth=2)
    assert kept(saving) < 0.6 * kept(plain)


def test_evaluation_is_the_plain_forms_with_and_without_gradients():
    plain, saving = (model.eval() for model in pair())
    assert torch.equal(plain(images()), saving(images()))
    with torch.no_grad():
        assert torch.equal(plain(images()), saving(images()))


def test_bf16_autocast_is_replayed_too():
    plain, saving = pair(dropout=0.0)
    losses = []
    for model in (plain, saving):
        with torch.autocast("cpu", torch.bfloat16):
            logits = model.float()(images().float())
        logits.float().square().sum().backward()
        losses.append(logits)
    assert losses[0].dtype == torch.bfloat16 and torch.equal(*losses)
    last = [[*model.features[-1].parameters()] for model in (plain, saving)]
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(*last, strict=True))


def test_compiling_changes_nothing():
    plain, saving = pair(layers=[2], dropout=0.0)
    compiled = torch.compile(saving, backend="aot_eager")
    torch.testing.assert_close(compiled(images()), plain(images()), rtol=1e-12, atol=1e-12)
