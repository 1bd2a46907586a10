from math import sqrt

import pytest

from basin.core.clock import Clock
from basin.optimizer.decay import Normalised

CIFAR = Clock(50_000, 128)


@pytest.mark.parametrize(
    ("epochs", "expected"), [(100, 1.2643e-4), (1500, 3.2644e-5), (1800, 2.9800e-5)]
)
def test_normalised_decay_has_the_papers_values(epochs, expected):
    normalised = Normalised(epochs, 1, CIFAR)
    assert 0.025 * normalised.factor(0) == pytest.approx(expected, rel=5e-5)


@pytest.mark.parametrize(
    ("factor", "lengths"), [(2, [6] * 6 + [12] * 12 + [24] * 2), (1, [6] * 20)]
)
def test_it_is_taken_anew_at_restarts(factor, lengths):
    normalised = Normalised(1.5, factor, Clock(40, 10))
    assert [normalised.factor(done) for done in range(20)] == [1 / sqrt(n) for n in lengths]
    assert Normalised(1.5, None, Clock(40, 10)).factor(19) == 1 / sqrt(6)


def test_without_cycles_the_decay_is_as_it_stands():
    assert Normalised(None, None, CIFAR).factor(5) == 1.0
