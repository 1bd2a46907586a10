"""LARS and LAMB."""

import pytest
import timm.optim
import torch
from toy_problems import Drifting, LeastSquares, close, trajectory

from basin.optimizer.lamb import Lamb
from basin.optimizer.lars import Lars


def lars(groups, **changes):
    fields = {"lr": 1.0, "momentum": 0.9, "nesterov": False, "weight_decay": 1e-4}
    fields |= {"coefficient": 0.001, "eps": 1e-8, "clip": False, "adapt_spared": False}
    return Lars(groups, **{**fields, **changes})


def lamb(groups, **changes):
    fields = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.01}
    fields |= {"max_grad_norm": 1.0, "adaptive": True, "clip": False, "adapt_spared": False}
    return Lamb(groups, **{**fields, **changes})


GOLDEN = {  # of timm after 1, 2 and 3 updates (20-large-batch-survey, section 4)
    lars: [
        [0.2998637569, -0.1996661777, 0.6993],
        [0.2996050089, -0.1990321911, 0.6979707],
        [0.2992362227, -0.1981285805, 0.6960763593],
    ],
    lamb: [
        [0.2974492218, -0.1974517593, 0.693],
        [0.2949235174, -0.1949284399, 0.68607],
        [0.2924226721, -0.1924297461, 0.6792093],
    ],
}


@pytest.mark.parametrize("make", GOLDEN)
def test_golden_values(make):
    problem = LeastSquares()
    found = trajectory(problem, make(problem.groups), 3)
    for step, expected in enumerate(GOLDEN[make]):
        assert close(found[step], expected), step


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_is_timms(clip, nesterov):
    left, right = LeastSquares(), LeastSquares()
    ours = lars(left.groups, lr=0.3, clip=clip, nesterov=nesterov, coefficient=0.5)
    fields = {"trust_coeff": 0.5, "trust_clip": clip, "nesterov": nesterov}
    theirs = timm.optim.Lars(right.groups, lr=0.3, momentum=0.9, weight_decay=1e-4, **fields)
    for a, b in zip(trajectory(left, ours, 6), trajectory(right, theirs, 6), strict=True):
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("clip", [False, True])
def test_lamb_is_timms(clip):
    left, right = LeastSquares(), LeastSquares()
    ours = lamb(left.groups, clip=clip, lr=0.1)
    theirs = timm.optim.Lamb(right.groups, lr=0.1, weight_decay=0.01, trust_clip=clip)
    for a, b in zip(trajectory(left, ours, 6), trajectory(right, theirs, 6), strict=True):
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-11, atol=1e-12)


def test_lamb_without_trust_is_adamw():
    left, right = Drifting(), Drifting()
    ours = lamb(left.groups, adaptive=False, max_grad_norm=None)
    theirs = torch.optim.AdamW(right.groups, lr=0.01, eps=1e-6, weight_decay=0.01)
    for a, b in zip(trajectory(left, ours, 10), trajectory(right, theirs, 10), strict=True):
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("make", [lars, lamb])
@pytest.mark.parametrize("adapt_spared", [False, True])
def test_tensors_without_decay_have_trust_1_unless_asked(make, adapt_spared):
    problem, twin = LeastSquares(), LeastSquares()
    first, second = problem.model.parameters()
    groups = [{"params": [first]}, {"params": [second], "weight_decay": 0.0, "spared": True}]
    make(groups, adapt_spared=adapt_spared).step(problem)
    make(twin.groups, weight_decay=0.0, adapt_spared=True).step(twin)  # all have their trust
    assert (float(second.detach()) == float(twin.model.w2.detach())) is adapt_spared


def test_a_tensor_of_zeros_moves():
    problem = LeastSquares()
    problem.model.w2.data.zero_()
    for make in (lars, lamb):
        make(problem.groups).step(problem)
        assert problem.weights()[2] != 0 and all(w == w for w in problem.weights())


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (lars, {"coefficient": 0.0}, "coefficient=0.0 is not above 0"),
        (lars, {"momentum": 1.0}, "momentum=1.0 is not 0 or more and less than 1"),
        (lamb, {"max_grad_norm": 0.0}, "max_grad_norm=0.0 is not above 0"),
    ],
)
def test_what_they_refuse(make, changes, message):
    with pytest.raises(ValueError, match=message):
        make(LeastSquares().groups, **changes)
