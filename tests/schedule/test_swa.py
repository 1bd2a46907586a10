import pytest

from basin.schedule.swa import SWA


def schedule(**changes):
    return SWA(**{"horizon": 161.0, "floor": 0.2, "per": "epoch", "first_epoch": 0, **changes})


@pytest.mark.parametrize(  # rates by 0-based epoch (07-swa, section 1)
    ("lr", "final", "horizon", "rates"),
    [
        (0.05, 0.01, 161, {80: 0.05, 81: 0.04969, 100: 0.03789, 125: 0.02236, 144: 0.01056}),
        (0.05, 0.01, 161, {145: 0.01, 299: 0.01}),
        (0.1, 0.05, 161, {81: 0.09961, 100: 0.08486, 144: 0.0507, 145: 0.05}),
        (0.1, 0.05, 126, {80: 0.08313, 100: 0.06329, 113: 0.0504, 114: 0.05}),
        (0.1, 0.01, 126, {80: 0.06964, 100: 0.03393, 113: 0.01071, 114: 0.01}),
        (0.05, 0.0005, 200, {100: 0.05, 140: 0.02525, 160: 0.012875, 180: 0.0005}),
    ],
)
def test_rates_are_the_papers(lr, final, horizon, rates):
    one = schedule(horizon=float(horizon), floor=final / lr)
    for epoch, rate in rates.items():
        for inside in (0.0, 0.4, 0.999):  # the rate of an epoch is one
            assert lr * one(epoch + inside) == pytest.approx(rate, abs=5e-6)


def test_epochs_can_count_from_1_and_steps_move_it():
    late, early = schedule(), schedule(first_epoch=1)
    assert all(early(t) == late(t + 1) for t in range(300))
    assert schedule(per="step")(100.5) < schedule(per="step")(100.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 0.0}, "horizon=0.0 is not a length"),
        ({"floor": 1.5}, r"floor=1.5 is not in \[0, 1\]"),
        ({"per": "batch"}, "per='batch' is not one of step, epoch"),
        ({"first_epoch": 2}, "first_epoch=2 is not 0 or 1"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        schedule(**changes)


def test_a_horizon_whose_half_is_beyond_the_run_is_refused():
    schedule(horizon=161.0).check_run(81.0)
    with pytest.raises(ValueError, match="^horizon=161: the rate would begin to fall after 80.5"):
        schedule(horizon=161.0).check_run(80.0)
