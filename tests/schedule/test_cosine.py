"""Cosine annealing: exact values, both ways of counting time."""

import pytest
import torch

from basin.schedule.cosine import Cosine

SETTINGS = {"epochs": 8.0, "floor": 0.0, "per": "step"}


@pytest.mark.parametrize("floor", [0.0, 0.25])
def test_start_middle_and_end(floor):
    cosine = Cosine(**SETTINGS | {"floor": floor})
    assert cosine(0.0) == 1.0
    assert cosine(4.0) == pytest.approx((1 + floor) / 2, abs=1e-15)
    assert cosine(8.0) == floor


def test_it_stays_at_its_floor():
    assert Cosine(**SETTINGS | {"floor": 0.25})(11.0) == 0.25


def test_per_epoch_it_equals_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8, eta_min=0.1)
    ours = Cosine(**SETTINGS | {"per": "epoch", "floor": 0.1})
    for epoch in range(9):
        rate = optimizer.param_groups[0]["lr"]
        assert ours(float(epoch)) == ours(epoch + 0.99) == pytest.approx(rate, abs=1e-14)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0.0},
        {"epochs": -1.0},
        {"epochs": float("nan")},
        {"epochs": float("inf")},
        {"floor": -0.1},
        {"floor": 1.1},
        {"floor": float("nan")},
        {"per": "batch"},
    ],
)
def test_impossible_settings_are_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"^{name}="):
        Cosine(**SETTINGS | change)
