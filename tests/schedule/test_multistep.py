"""Step decay: both ways of counting, against torch's; settings that cannot be meant."""

import pytest
import torch

from basin.schedule.multistep import MultiStep

SETTINGS = {"epochs": 200.0, "milestones": [60, 120, 160], "gamma": 0.2, "drop_at": "start"}


@pytest.mark.parametrize(("drop_at", "shift"), [("start", 1), ("end", 0)])
def test_drops_are_torchs_at_milestones_shifted(drop_at, shift):
    ours = MultiStep(**SETTINGS | {"drop_at": drop_at})
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    milestones = [m - shift for m in SETTINGS["milestones"]]
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.2)
    for epoch in range(200):
        rate = optimizer.param_groups[0]["lr"]
        assert ours(float(epoch)) == pytest.approx(rate, rel=1e-14)
        assert ours(epoch + 0.999) == ours(float(epoch))
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize(
    ("drop_at", "factors"), [("start", [1.0, 0.2, 0.2]), ("end", [1.0, 1.0, 0.2])]
)
def test_around_the_first_milestone(drop_at, factors):
    """The authors' log has the lower rate in the epoch that it numbers 60: the 0-based 59."""
    schedule = MultiStep(**SETTINGS | {"drop_at": drop_at})
    assert [schedule(t) for t in (58.0, 59.0, 60.0)] == factors


def test_it_cannot_be_changed_through_its_list():
    milestones = [60, 120]
    schedule = MultiStep(**SETTINGS | {"milestones": milestones})
    milestones.append(1)
    assert schedule.milestones == (60, 120)


def test_a_milestone_within_an_epoch():
    schedule = MultiStep(**SETTINGS | {"milestones": [2.5], "drop_at": "end"})
    assert [schedule(2.4), schedule(2.5)] == [1.0, 0.2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"milestones": [60, 50]}, "not positive and increasing"),
        ({"milestones": [60, 60]}, "not positive and increasing"),
        ({"milestones": [0, 60]}, "not positive and increasing"),
        ({"milestones": [float("nan")]}, "not positive and increasing"),
        ({"milestones": [60, 201]}, "201 is beyond the last epoch"),
        ({"milestones": [2.5]}, "whole numbers"),
        ({"gamma": 0.0}, "gamma=0.0"),
        ({"gamma": float("inf")}, "gamma=inf"),
        ({"epochs": 0.0}, "epochs=0.0"),
        ({"drop_at": "middle"}, "drop_at='middle' is not one of start, end"),
    ],
)
def test_impossible_settings_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        MultiStep(**SETTINGS | change)
