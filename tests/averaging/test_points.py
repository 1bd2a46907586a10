"""Which iterates the papers' recipes take in, without training them."""

import pytest
import torch
from averaging.trajectory import BN
from torch import nn

from basin.averaging.ema import EMA, decay_after
from basin.averaging.fge import FGE
from basin.averaging.points import Periodic
from basin.averaging.pswa import PSWA
from basin.averaging.snapshots import Snapshots
from basin.averaging.swa import SWA
from basin.core.clock import Clock
from basin.core.protocols import Stage, TrainState

SWA_FIELDS = {"period": 1, "exclude_start": None, "bn": BN}


class Counting(nn.Linear):
    """One weight, which is the number of the update."""

    def __init__(self) -> None:
        super().__init__(1, 1, bias=False, dtype=torch.float64)
        self.weight.data.fill_(0.0)


def follow(averager, model, epochs, *, steps=4, each=None):
    """Epochs of `steps` updates each; t as the clock has it."""
    clock = Clock(steps * 10 - 3, 10)  # the last minibatch is smaller
    state = TrainState(model, None, {}, {}, Stage(epochs, 0.0, False))
    for step in range(1, round(epochs * steps) + 1):
        model.weight.data.fill_(step / steps)
        state.t = clock.epochs(f"{step} steps")
        averager.observe(state)
        if each is not None:
            each(state)


@pytest.mark.parametrize(  # 07-swa section 1, 10-gadam section 1
    ("start", "epochs", "exclude", "num"),
    [
        *((161, 200, None, 40), (161, 250, None, 90), (161, 300, None, 140)),
        *((126, 150, None, 25), (126, 187.5, None, 62), (126, 225, None, 100)),
        (161, 300, True, 139),
    ],
)
def test_iterates_of_swa(start, epochs, exclude, num):
    model = Counting()
    fields = {**SWA_FIELDS, "exclude_start": exclude}
    averager = SWA(model, "swa", epochs=epochs, start=start, **fields)
    follow(averager, model, epochs, steps=2)
    first = start + bool(exclude)
    assert averager.describe() == {"rule": "mean of weights", "iterates": num}
    average = averager.solution(lambda *_: iter(()))
    assert average.weight.item() == pytest.approx(first + (num - 1) / 2, rel=1e-12)


@pytest.mark.parametrize(
    ("cycle", "epochs", "num"), [(2, 40, 20), (2, 44, 22), (4, 48, 12), (4, 24, 6), (4, 22, 6)]
)
def test_members_of_fge_are_those_at_the_minima(cycle, epochs, num):
    model = Counting()
    fge = FGE(model, "fge", None, Clock(40, 10), epochs=epochs, cycle=cycle, keep="cpu")
    follow(fge, model, epochs)
    ((_, ensemble),) = fge.predictors(None)
    weights = [network.weight.item() for network in ensemble.each()]
    assert weights == [cycle / 2 + cycle * i for i in range(num)]


def test_snapshots_are_those_at_the_ends_of_sgdrs_cycles():
    model = Counting()
    fields = {"epochs": 200, "at": [10, 30, 70, 150], "members": 3, "keep": "device"}
    snapshots = Snapshots(model, "snapshots", None, **fields)
    follow(snapshots, model, 200)
    ((_, ensemble),) = snapshots.predictors(None)
    assert [network.weight.item() for network in ensemble.each()] == [30, 70, 150]
    assert [member.name for member in ensemble.members] == [f"snapshots_{i}" for i in (1, 2, 3)]


@pytest.mark.parametrize(("stop", "last"), [(160, 160), (100, 100), (159, 140)])
def test_pswa_is_written_back_every_20_epochs_after_40(stop, last):
    model, restarts = Counting(), []
    fields = {"start": 40, "period": 1, "restart_every": 20, "stop": stop}
    pswa = PSWA(model, "pswa", epochs=170, **fields, bn=BN)

    def restart(state):
        solution = pswa.restart(state, lambda *_: iter(()))
        if solution is not None:
            assert solution.reset_momentum
            restarts.append((round(state.t), solution.weights[0].item()))
            assert pswa.restart(state, None) is None  # once

    follow(pswa, model, 170, each=restart)
    assert restarts == [(t, t - 20 + 10.5) for t in range(60, last + 1, 20)]


def test_ema_by_hand_and_its_warm_up():
    assert [decay_after(n, 0.9, warmup=True) for n in (1, 2)] == [2 / 11, 3 / 12]
    assert decay_after(10**6, 0.9, warmup=True) == 0.9 == decay_after(1, 0.9, warmup=False)
    model = Counting()
    ema = EMA(model, "ema", epochs=3, start=1, period=1, decay=0.75, warmup=False, bn=BN)
    follow(ema, model, 3)
    value = 0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 3
    assert ema.solution(lambda *_: iter(())).weight.item() == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("start", [0, 0.25])
def test_a_tail_average_has_every_iterate_and_the_first_weights_where_it_starts_at_0(start):
    model = Counting()
    fields = {**SWA_FIELDS, "period": Clock(37, 10).epochs("1 steps")}
    tail = SWA(model, "tail", epochs=100, start=start, **fields)
    follow(tail, model, 100)
    first = start * 4
    mean = (first + 400) / 2 / 4
    assert tail.describe()["iterates"] == 401 - first
    assert tail.solution(lambda *_: iter(())).weight.item() == pytest.approx(mean, rel=1e-12)


def test_the_average_is_that_of_torch():
    model = nn.Linear(3, 2)
    theirs = torch.optim.swa_utils.AveragedModel(model)
    ours = SWA(model, "swa", epochs=9, start=1, **SWA_FIELDS)
    state = TrainState(model, None, {}, {}, Stage(9, 0.0, False))
    for epoch in range(1, 6):
        for p in model.parameters():
            p.data.normal_()
        state.t = float(epoch)
        ours.observe(state)
        theirs.update_parameters(model)
    for a, b in zip(
        ours.solution(lambda *_: iter(())).parameters(), theirs.module.parameters(), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_points_are_hit_whatever_the_rounding():
    points = Periodic(0.1, 0.1, exclusive=False)
    assert [points.count(k / 10) for k in range(200)] == list(range(200))
    assert Periodic(0.1, 0.1, exclusive=True).count(0.1) == 0


def swa(model, **changes):
    return SWA(model, "a", **{"epochs": 9, "start": 1, **SWA_FIELDS, **changes})


def fge(model, **changes):
    fields = {"epochs": 9, "cycle": 4, "keep": "cpu", **changes}
    return FGE(model, "a", None, Clock(40, 10), **fields)


RATES = {
    "triangle": (lambda t: 1 - 0.8 * (1 - abs(t % 4 / 2 - 1)), None),
    "flat": (lambda t: 1.0, None),  # the authors' command for VGG-16
    "from below": (lambda t: 0.2 + 0.8 * (1 - abs(t % 4 / 2 - 1)), "2 epochs.*lower after 0"),
    "falling": (lambda t: 1 - t / 9, "2 epochs.*lower after 2.25"),
    "another cycle": (lambda t: 1 - 0.8 * (1 - abs(t % 2 - 1)), "2 epochs.*lower after"),
    "once an epoch": (
        lambda t: 1 - 0.8 * (1 - abs(t // 1 % 4 / 2 - 1)),
        "2 epochs.*lower after 2.25",
    ),
    "falling late": (lambda t: 1 - 0.8 * (t > 7), "6 epochs.*lower after 7.25"),
}


@pytest.mark.parametrize("name", RATES)
def test_fge_collects_at_the_minima_of_its_rate_or_is_refused(name):
    rate, message = RATES[name]
    if message is None:
        fge(Counting()).check_rate(rate)
        return
    with pytest.raises(
        ValueError, match=f"^cycle=4: the rate is not at its lowest after {message}"
    ):
        fge(Counting()).check_rate(rate)


SNAPSHOTS = {"epochs": 30, "members": None, "keep": "cpu"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: swa(m, start=10), "^start=10.*never average"),
        (lambda m: swa(m, start=-1), "start=-1"),
        (lambda m: swa(m, start=9, exclude_start=True), "after 10 epochs"),
        (lambda m: swa(m, period=0), "period=0"),
        (lambda m: swa(m, bn={**BN, "examples": -1}), "bn.examples=-1"),
        (lambda m: swa(m, bn={**BN, "examples": 1, "batches": 1}), "both given"),
        (lambda m: swa(m, bn={**BN, "plain": "no"}), "bn.plain='no'"),
        (
            lambda m: EMA(m, "a", epochs=9, start=0, period=1, decay=1.0, warmup=True, bn=BN),
            r"decay=1.0 is not in \[0, 1\)",
        ),
        (
            lambda m: PSWA(m, "a", epochs=9, start=0, period=2, restart_every=1, stop=9, bn=BN),
            "restart_every=1 is less than period=2",
        ),
        (lambda m: fge(m, epochs=1), "^cycle=4: .*after 2 epochs.*never collect"),
        (lambda m: fge(m, keep="ram"), "^keep='ram'.*disk"),
        (lambda m: fge(m, cycle=None), "^cycle=null: .*schedule=fge"),
        (lambda m: fge(m, cycle=2.25), "^cycle=2.25 epochs: its middle is after 4.5 updates"),
        (lambda m: Snapshots(m, "a", None, at=[10, 31], **SNAPSHOTS), r"\[10, 31\].*\(0, 30\]"),
        (lambda m: Snapshots(m, "a", None, at=[10, 10], **SNAPSHOTS), "ascending"),
        (lambda m: Snapshots(m, "a", None, at=[], **SNAPSHOTS), "ascending"),
        (
            lambda m: Snapshots(m, "a", None, at=[10], **{**SNAPSHOTS, "members": 0}),
            "members=0 is less than 1",
        ),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(Counting())
