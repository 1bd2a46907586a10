import pytest
import torch
from toy_problems import Drifting, close, trajectory

from basin.optimizer.padam import Padam, power_


def padam(problem, **changes):
    fields = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "partial": 0.125}
    fields |= {"weight_decay": 5e-4, "amsgrad": True, "decoupled": False}
    return Padam(problem.groups, **{**fields, **changes})


ADAM = {"lr": 0.01, "partial": 0.5, "amsgrad": False}
GOLDEN = {  # of the authors' code after 1, 2 and 6 updates (10-gadam, section 1)
    "Gadam's Adam": (
        {**ADAM, "weight_decay": 0.25, "decoupled": True},
        [0.9875000001, -1.9850000001, 0.4887500001],
        [0.9750186317, -1.9700391835, 0.4775222226],
        [0.9251309136, -1.9106082657, 0.4327594663],
    ),
    "GadamX's Padam": (
        {"weight_decay": 0.0025, "decoupled": True},
        [0.9916953906, -1.9909022284, 0.4920965701],
        [0.9806586317, -1.9792736289, 0.4817568887],
        [0.9167409043, -1.9177984184, 0.4247157188],
    ),
    "Padam": (
        {},
        [0.9919426449, -1.9913968553, 0.4922201811],
        [0.9811493819, -1.9802581045, 0.4820008015],
        [0.9181545587, -1.9206846206, 0.4253939130],
    ),
}


@pytest.mark.parametrize("name", [name for name in GOLDEN if name != "Gadam's Adam"])
def test_golden_values(name):
    changes, *expected = GOLDEN[name]
    problem = Drifting()
    found = trajectory(problem, padam(problem, **changes), 6)
    for step, values in zip((1, 2, 6), expected, strict=True):
        assert close(found[step - 1], values), step


def test_gadams_adam_is_torchs_adamw():
    """Its eps is added after the bias correction, which Padam does not do."""
    _, *expected = GOLDEN["Gadam's Adam"]
    problem = Drifting()
    adamw = torch.optim.AdamW(problem.groups, lr=0.01, weight_decay=0.25)
    found = trajectory(problem, adamw, 6)
    for step, values in zip((1, 2, 6), expected, strict=True):
        assert close(found[step - 1], values), step


@pytest.mark.parametrize("amsgrad", [False, True])
def test_p_of_one_half_is_adam(amsgrad):
    left, right = Drifting(), Drifting()
    changes = {"partial": 0.5, "amsgrad": amsgrad, "eps": 1e-300, "decoupled": True}
    ours = padam(left, **changes)
    theirs = torch.optim.AdamW(right.groups, lr=0.1, weight_decay=5e-4, eps=0.0, amsgrad=amsgrad)
    for a, b in zip(trajectory(left, ours, 10), trajectory(right, theirs, 10), strict=True):
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("exponent", [1.0, 0.5, 0.25, 0.3])
def test_roots_are_powers(exponent):
    values = [torch.rand(5, dtype=torch.float64), torch.rand(2, 3, dtype=torch.float64)]
    found = [v.clone() for v in values]
    power_(found, exponent)
    for a, b in zip(found, values, strict=True):
        torch.testing.assert_close(a, b**exponent, rtol=1e-14, atol=0)


@pytest.mark.parametrize("partial", [0.0, 0.6])
def test_what_it_refuses(partial):
    with pytest.raises(ValueError, match=f"partial={partial} is not above 0 and at most 0.5"):
        padam(Drifting(), partial=partial)
