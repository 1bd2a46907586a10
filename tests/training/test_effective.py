"""SI norm, effective rate and gradient of an epoch, and the equilibrium that they tend to."""

from math import exp, sqrt

import pytest
import torch
from torch import nn
from toy import Around, Stop, build, sgd, train

from basin.core.scale_invariance import ScaleInvariant
from basin.optimizer.sgd import SGD
from basin.training.effective import NAMES, Effective
from basin.training.loop import fit
from basin.training.snapshot import restore, snapshot

SGD_FIELDS = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "reset_on_drop": False}


class Quotient(ScaleInvariant):
    """One convolution of P weights; losses u r'w / |w| of random units r at right angles to w.

    They do not change with |w|, and their gradient there is u r / |w|: of effective norm u.
    """

    def __init__(self, size, rho):
        super().__init__()
        self.conv = nn.Conv2d(size, 1, 1, bias=False)
        torch.manual_seed(0)
        direction = torch.randn(1, size, 1, 1, dtype=torch.float64)
        self.conv.weight = nn.Parameter(rho * direction / direction.norm())

    def forward(self, unit):
        w = self.conv.weight
        there = w.detach()
        r = torch.randn_like(there)
        r -= (r * there).sum() / there.square().sum() * there
        return unit * (r / r.norm() * w).sum() / w.norm()


def trained(rho, *, lr, weight_decay, unit, steps):
    """(T,) rho of SGD with L2 on losses of a constant effective gradient, and its metrics."""
    model = Quotient(1000, rho)
    optimizer = SGD(
        [{"params": [model.conv.weight]}], lr=lr, weight_decay=weight_decay, **SGD_FIELDS
    )
    effective, norms = Effective(model), []

    def closure():
        model.zero_grad()
        loss = model(unit)
        loss.backward()
        return loss

    for _ in range(steps):
        norms.append(model.conv.weight.detach().norm().item())
        effective.before(lr)
        optimizer.step(closure)
        effective.after()
    return norms, effective.read()


def test_the_norm_follows_its_recursion_and_ends_at_the_equilibrium():
    """rho^2 <- (1 - lr wd)^2 rho^2 + lr^2 g^2 / rho^2; rho*^4 = lr^2 g^2 / (1 - (1 - lr wd)^2)."""
    lr, decay, unit = 0.1, 0.05, 2.0
    norms, _ = trained(3.0, lr=lr, weight_decay=decay, unit=unit, steps=1300)
    expected = 9.0
    for rho in norms[:300]:
        assert rho**2 == pytest.approx(expected, rel=1e-10)
        expected = (1 - lr * decay) ** 2 * expected + (lr * unit) ** 2 / expected
    star = ((lr * unit) ** 2 / (1 - (1 - lr * decay) ** 2)) ** 0.25
    assert norms[-1] == pytest.approx(star, rel=1e-9)
    assert star**4 == pytest.approx(lr * unit**2 / (2 * decay), rel=0.01)


@pytest.mark.parametrize("unit", [0.5, 2.0, 8.0])
def test_the_equilibrium_is_a_line_of_slope_minus_1_in_the_phase_diagram(unit):
    lr, decay = 0.1, 0.05
    start = (lr * unit**2 / (2 * decay)) ** 0.25
    _, found = trained(start, lr=lr, weight_decay=decay, unit=unit, steps=200)
    assert found["effective_gradient_norm"] == pytest.approx(unit, rel=1e-9)
    assert found["effective_lr"] == pytest.approx(sqrt(2 * lr * decay) / unit, rel=0.01)


def test_the_papers_numbers_of_an_equilibrium():
    """lr 0.01, decay 0.001, g 1: rho^2 = 2.2361, an effective rate of 0.0044721."""
    _, found = trained(sqrt(sqrt(5)), lr=0.01, weight_decay=0.001, unit=1.0, steps=200)
    assert found["si_norm"] ** 2 == pytest.approx(2.2361, rel=1e-4)
    assert found["effective_lr"] == pytest.approx(0.0044721, rel=1e-4)


def test_the_norm_comes_to_rest_within_a_quarter_of_the_decays_own_time():
    """rho^2 is e times nearer after 1 / (4 lr wd) updates, here 100; decay alone takes twice."""
    lr, decay, unit = 0.1, 0.025, 2.0
    star = ((lr * unit) ** 2 / (1 - (1 - lr * decay) ** 2)) ** 0.5  # of rho^2
    norms, _ = trained(sqrt(1.01 * star), lr=lr, weight_decay=decay, unit=unit, steps=101)
    assert (norms[100] ** 2 - star) / (norms[0] ** 2 - star) == pytest.approx(exp(-1), rel=0.02)


def test_without_gradient_the_norm_decays_and_without_decay_it_grows():
    decays, _ = trained(1.0, lr=0.1, weight_decay=0.05, unit=0.0, steps=100)
    assert decays[-1] == pytest.approx((1 - 0.005) ** 99, rel=1e-10)
    grows, _ = trained(1.0, lr=0.1, weight_decay=0.0, unit=1.0, steps=100)
    assert all(b > a for a, b in zip(grows, grows[1:], strict=False))


def run_of_two_epochs():
    return build(lambda groups, model: (sgd(groups), {}, {}), epochs=2.0)


def test_a_run_has_the_means_of_every_epoch():
    for line in train(run_of_two_epochs()).sink.lines:
        assert line["effective_lr"] == pytest.approx(0.1 / line["si_norm"] ** 2, rel=0.01)
        assert 0 < line["effective_gradient_norm"] < 10


def test_a_run_that_is_killed_within_an_epoch_has_the_same_means():
    lines = train(run_of_two_epochs()).sink.lines
    killed, continued = run_of_two_epochs(), run_of_two_epochs()
    with pytest.raises(Stop):
        fit(killed.state, killed.closure, Around(killed, 11))
    restore(continued, snapshot(killed))
    again = train(continued).sink.lines
    assert [again[-1][name] for name in NAMES] == [lines[-1][name] for name in NAMES]


def test_a_network_that_declares_nothing_has_no_values():
    effective = Effective(nn.Conv2d(1, 1, 1))
    effective.before(0.1)
    effective.after()
    assert effective.read() == {} and effective.state_dict() == {"sums": None, "updates": 0}
