import pytest
import torch
from toy_problems import Drifting, close, trajectory

from basin.optimizer.nadam import NAdam


@pytest.mark.parametrize("decoupled", [False, True])
def test_it_is_torchs(decoupled):
    left, right = Drifting(), Drifting()
    fields = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "momentum_decay": 4e-3}
    ours = NAdam(left.groups, **fields, weight_decay=0.02, decoupled=decoupled)
    theirs = torch.optim.NAdam(
        right.groups, **fields, weight_decay=0.02, decoupled_weight_decay=decoupled
    )
    for a, b in zip(trajectory(left, ours, 8), trajectory(right, theirs, 8), strict=True):
        # torch's product of the momenta is a float32 number
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-6, atol=0)


def test_the_first_update_by_hand():
    problem = Drifting()
    fields = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-300, "momentum_decay": 4e-3}
    (found,) = trajectory(
        problem, NAdam(problem.groups, **fields, weight_decay=0.0, decoupled=False), 1
    )
    mu, following = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * s)) for s in (1, 2))
    g = torch.tensor([1.1, -1.2, 1.05], dtype=torch.float64)
    step = (1 - mu) / (1 - mu) + following * 0.1 / (1 - mu * following)
    expected = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) - 0.1 * step * g.sign()
    assert close(found, expected.tolist())
