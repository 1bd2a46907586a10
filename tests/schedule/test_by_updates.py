"""Schedules that count updates: HyperRule, SWA's sawtooth, CLR's three stages, joined ones."""

import pytest
import yaml
from first_stage import CONFIGS, composed
from toy import Net

from basin.core.clock import Clock
from basin.experiment import build
from basin.experiment.staging import stage_settings
from basin.schedule.constant import Constant
from basin.schedule.hyperrule import HyperRule
from basin.schedule.join import Join
from basin.schedule.linear import Linear
from basin.schedule.swa_cyclical import SWACyclical


def lr(clock, *overrides):
    """The schedule that a command line makes."""
    (stage,) = stage_settings(composed(["epochs=500 steps", *overrides])).values()
    return build.method(stage, Net(), clock)[2]["lr"]


def hyperrule(num, option="hyperrule", **changes):
    fields = yaml.safe_load((CONFIGS / "schedule" / f"{option}.yaml").read_text())
    fields = {key: value for key, value in fields.items() if not key.startswith("_")}
    clock, rule = Clock(num, 512), sum(num >= size for size in fields["sizes"])
    length = clock.epochs(f"{fields['supports'][rule][-1]} steps")
    return HyperRule(**fields | {"clock": clock, "epochs": length} | changes)


@pytest.mark.parametrize(
    ("num", "rates"),
    [
        (
            1000,
            {0: 0, 50: 0.0015, 100: 0.003, 200: 0.003, 201: 3e-4, 300: 3e-4, 301: 3e-5}
            | {400: 3e-5, 401: 3e-6, 499: 3e-6},
        ),
        (
            50_000,
            {50: 3e-4, 200: 0.0012, 499: 0.002994, 500: 0.003, 3000: 0.003, 3001: 3e-4}
            | {6001: 3e-5, 9001: 3e-6, 9999: 3e-6},
        ),
        (1_281_167, {6000: 0.003, 6001: 3e-4, 12_001: 3e-5, 18_001: 3e-6, 19_999: 3e-6}),
        (19_999, {201: 3e-4}),
        (20_000, {201: 0.003 * 201 / 500}),
        (499_999, {3001: 3e-4}),
        (500_000, {3001: 0.003}),
    ],
)
def test_hyperrule_is_the_released_codes(num, rates):
    schedule = hyperrule(num)
    for step, rate in rates.items():
        t = schedule.clock.epochs(f"{step} steps")
        assert 0.003 * schedule(t) == pytest.approx(rate, rel=1e-12)


def test_hyperrule_of_the_paper_drops_at_30_60_and_90_per_cent():
    schedule = hyperrule(50_000, "hyperrule_paper")
    t = [schedule.clock.epochs(f"{k} steps") for k in (0, 3000, 3001, 6001, 9001)]
    assert [schedule(s) for s in t] == pytest.approx([1, 1, 0.1, 0.01, 0.001])


@pytest.mark.parametrize("length", ["10001 steps", "9999 steps", 3])
def test_a_run_that_is_not_as_long_as_the_rule_is_told_its_length(length):
    epochs = Clock(50_000, 512).epochs(length)
    with pytest.raises(ValueError, match="50000 examples has 10000: pass epochs='10000 steps'"):
        hyperrule(50_000, epochs=epochs)


@pytest.mark.parametrize(
    "change",
    [{"sizes": [20_000]}, {"supports": [[100, 50], [1], [1]]}, {"supports": [[], [1], [2]]}],
)
def test_a_table_that_does_not_fit_is_refused(change):
    with pytest.raises(ValueError, match="supports"):
        hyperrule(1000, **change)


@pytest.mark.parametrize("cycle", [1, 4])
def test_swas_sawtooth(cycle):
    """lr(i) = (1 - t) a1 + t a2, t = (mod(i - 1, c) + 1) / c, i counted from 1."""
    clock = Clock(36, 8)
    a1, a2, c = 1e-3, 1e-5, cycle * 5
    schedule = SWACyclical(clock=clock, cycle=cycle, floor=a2 / a1)
    for i in range(1, 200):
        t = ((i - 1) % c + 1) / c
        ours = a1 * schedule(clock.epochs(f"{i - 1} steps"))
        assert ours == pytest.approx((1 - t) * a1 + t * a2, rel=1e-12)


def test_swas_cycle_may_be_in_updates():
    clock = Clock(36, 8)
    schedule = SWACyclical(clock=clock, cycle=clock.epochs("7 steps"), floor=0.0)
    lowest = [k for k in range(70) if schedule(clock.epochs(f"{k} steps")) == 0]
    assert lowest == list(range(6, 70, 7))
    with pytest.raises(ValueError, match="less than one update"):
        SWACyclical(clock=clock, cycle=0.01, floor=0.0)


def test_clrs_three_stages():
    """Table 2: 25,000 updates, base .001 to .00001, step sizes 2000, 1000, 500."""
    clock = Clock(50_000, 100)
    schedule = lr(clock, "schedule=clr_stages", "epochs=25000 steps")
    for start, length, scale, step in (
        (0, 16_000, 1, 2000),
        (16_000, 6000, 0.1, 1000),
        (22_000, 3000, 0.01, 500),
    ):
        for update in range(0, length, 250):
            cycle = 1 + update // (2 * step)
            rise = 1 - abs(update / step - 2 * cycle + 1)
            rate = scale * (0.001 + 0.004 * rise)
            ours = 0.005 * schedule(clock.epochs(f"{start + update} steps"))
            assert ours == pytest.approx(rate, rel=1e-9)


def test_stages_may_be_triangular2():
    inner = "schedule@schedule.lr.parts.first=triangular2"
    schedule = lr(Clock(50_000, 100), "schedule=clr_stages", inner)
    assert 0.005 * schedule(Clock(50_000, 100).epochs("6000 steps")) == pytest.approx(0.003)


JOIN = {"scales": None, "counts_from": "run", "at": (2.0, 4.0)}
LINE = Linear(epochs=10, floor=0.0, per="step")


def test_parts_follow_each_other():
    parts = {"a": Constant(), "b": LINE, "c": LINE}
    times = [0.0, 1.99, 2.0, 3.0, 4.0]
    assert [Join(parts=parts, **JOIN)(t) for t in times] == pytest.approx([1, 1, 0.8, 0.7, 0.6])
    own = Join(parts=parts, **JOIN | {"counts_from": "part", "scales": (1.0, 0.5, 2.0)})
    assert [own(t) for t in times] == pytest.approx([1, 1, 0.5, 0.45, 2.0])


def test_a_third_part_from_the_command_line():
    third = "+schedule@schedule.lr.parts.third=linear"
    schedule = lr(Clock(36, 8), "schedule=join", third, "schedule.lr.at=[1,2 epochs]")
    assert list(schedule.parts) == ["first", "second", "third"] and schedule.at == (1, 2.0)


@pytest.mark.parametrize(
    "change", [{"at": (2.0,)}, {"at": (4.0, 2.0)}, {"at": (0.0, 1.0)}, {"scales": (1.0,)}]
)
def test_parts_that_do_not_fit_are_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        Join(parts={"a": Constant(), "b": LINE, "c": LINE}, **JOIN | change)
