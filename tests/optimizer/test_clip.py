import pytest
import torch
from toy_problems import Drifting, LeastSquares

from basin.optimizer.centralise import Centralise, centralise_
from basin.optimizer.clip import Clip, adaptively_, by_norm_, by_value_
from basin.optimizer.sgd import SGD


def tensors(*shapes):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


@pytest.mark.parametrize("limit", [0.1, 1e3])
def test_by_norm_is_torchs(limit):
    ours = tensors((3, 4), (5,))
    theirs = [torch.nn.Parameter(g.clone()) for g in ours]
    for p in theirs:
        p.grad = p.detach().clone()
    torch.nn.utils.clip_grad_norm_(theirs, limit)
    by_norm_(ours, limit)
    for a, p in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, p.grad, rtol=1e-5, atol=0)  # torch adds 1e-6 to the norm


def test_a_gradient_of_0_stays_0():
    zero = [torch.zeros(3)]
    by_norm_(zero, 1.0)
    adaptively_([torch.zeros(3)], zero, 0.01)
    assert torch.equal(zero[0], torch.zeros(3))


def test_by_value():
    g = [torch.tensor([-2.0, 0.5, 3.0])]
    by_value_(g, 1.0)
    assert g[0].tolist() == [-1.0, 0.5, 1.0]


def test_adaptive_clips_each_unit_by_its_weights():
    weights = [torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([0.6, 0.8])]
    gradients = [torch.tensor([[6.0, 8.0], [0.3, 0.4]]), torch.tensor([0.0, 0.05])]
    adaptively_(weights, gradients, 0.1)
    # units: |w| 5 allows 0.5 of |g| 10; |w| 0 counts as 1e-3; the vector is one unit
    expected = [torch.tensor([[0.3, 0.4], [6e-5, 8e-5]]), torch.tensor([0.0, 0.05])]
    for found, value in zip(gradients, expected, strict=True):
        torch.testing.assert_close(found, value)


def test_centralised_gradients_have_mean_0_over_each_unit():
    conv, linear, bias = before = tensors((4, 3, 2, 2), (5, 6), (7,))
    after = [g.clone() for g in before]
    centralise_(after, from_ndim=2)
    torch.testing.assert_close(after[0], conv - conv.mean((1, 2, 3), keepdim=True))
    torch.testing.assert_close(after[1], linear - linear.mean(1, keepdim=True))
    assert torch.equal(after[2], bias)
    after = [g.clone() for g in before]
    centralise_(after, from_ndim=4)
    assert torch.equal(after[1], linear) and not torch.equal(after[0], conv)


def test_the_base_steps_with_the_changed_gradient():
    problem = LeastSquares()
    fields = {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "nesterov": False}
    base = SGD(problem.groups, **fields, weight_decay=0.0, reset_on_drop=False)
    before = torch.tensor(problem.weights())
    Clip(base=base, kind="norm", limit=0.5).step(problem)
    moved = torch.tensor(problem.weights()) - before
    assert abs(float(moved.norm()) - 0.05) < 1e-7


def test_what_it_refuses():
    problem = Drifting()
    base = torch.optim.SGD(problem.groups, lr=0.1)
    with pytest.raises(ValueError, match="kind='max' is not one of norm, value, adaptive"):
        Clip(base=base, kind="max", limit=1.0)
    with pytest.raises(ValueError, match="limit=0 is not above 0"):
        Clip(base=base, kind="norm", limit=0)
    assert Centralise(base=base, convolutions_only=True).param_groups is base.param_groups
