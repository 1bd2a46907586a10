"""Warm-up: vectors, the two clocks of the schedule behind, and its state."""

from dataclasses import dataclass, field

import pytest

from basin.core.schedules import Stateless
from basin.schedule.constant import Constant
from basin.schedule.join import Join
from basin.schedule.warmup import WarmUp


@dataclass(frozen=True, kw_only=True)
class Time(Stateless):
    """Shows the t that it is given."""

    def __call__(self, t):
        return t


SETTINGS = {
    "epochs": 4.0,
    "start_factor": 0.2,
    "shape": "linear",
    "per": "step",
    "after_counts_from": "start",
    "after": Constant(),
}


@pytest.mark.parametrize(
    ("per", "factors"),
    [("step", [0.2, 0.3, 0.4, 0.6, 0.8, 0.9, 1.0]), ("epoch", [0.2, 0.2, 0.4, 0.6, 0.8, 0.8, 1.0])],
)
def test_it_rises_on_a_line(per, factors):
    schedule = WarmUp(**SETTINGS | {"per": per})
    times = [0.0, 0.5, 1.0, 2.0, 3.0, 3.5, 4.0]
    assert [schedule(t) for t in times] == pytest.approx(factors, abs=1e-15)


def test_it_may_be_constant():
    schedule = WarmUp(**SETTINGS | {"shape": "constant"})
    assert [schedule(t) for t in (0.0, 1.0, 3.99, 4.0)] == [0.2, 0.2, 0.2, 1.0]


@pytest.mark.parametrize(("counts_from", "shown"), [("start", [4.0, 6.5]), ("end", [0.0, 2.5])])
def test_clock_of_the_schedule_behind(counts_from, shown):
    schedule = WarmUp(**SETTINGS | {"after_counts_from": counts_from, "after": Time()})
    assert [schedule(4.0), schedule(6.5)] == shown


def test_without_length_only_the_schedule_behind_is_left():
    schedule = WarmUp(**SETTINGS | {"epochs": 0.0, "after": Time()})
    assert schedule(0.0) == 0.0


@dataclass
class Feedback:
    """A schedule that learns from what it sees."""

    seen: list = field(default_factory=list)

    def __call__(self, t):
        return 1.0

    def observe(self, state):
        self.seen.append(state)

    def state_dict(self):
        return {"seen": list(self.seen)}

    def load_state_dict(self, state_dict):
        self.seen = list(state_dict["seen"])


def test_a_feedback_schedule_behind_it_still_sees_and_is_saved():
    schedule, other = (WarmUp(**SETTINGS | {"after": Feedback()}) for _ in range(2))
    schedule.observe("state")
    other.load_state_dict(schedule.state_dict())
    assert other.after.seen == ["state"]


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": -1.0},
        {"epochs": float("nan")},
        {"start_factor": -0.1},
        {"start_factor": 1.1},
        {"shape": "steep"},
        {"per": "batch"},
        {"after_counts_from": "middle"},
    ],
)
def test_impossible_settings_are_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"^{name}="):
        WarmUp(**SETTINGS | change)


@dataclass(frozen=True, kw_only=True)
class Restarting(Stateless):
    """Falls in each four epochs."""

    def __call__(self, t):
        return 1 - t % 4 / 4


def test_what_is_behind_it_has_its_highest_rate_there():
    warm_up = WarmUp(**SETTINGS | {"epochs": 2.0, "after": Restarting()})
    with pytest.raises(ValueError, match="^after_counts_from=start: .* 0.5, and rises again"):
        warm_up.check_run(12.0)
    warm_up.check_run(3.5)  # before the restart
    WarmUp(**SETTINGS | {"after": Restarting(), "after_counts_from": "end"}).check_run(12.0)
    with pytest.raises(ValueError, match="rises by itself needs no warm-up"):
        WarmUp(**SETTINGS | {"after": Time(), "after_counts_from": "end"}).check_run(12.0)


def test_it_is_shorter_than_the_run_at_every_depth():
    inner = WarmUp(**SETTINGS | {"after": Constant()})
    inner.check_run(4.5)
    with pytest.raises(ValueError, match="^epochs=4 of warm-up: the run has 4"):
        inner.check_run(4.0)
    both = Join(parts={"a": Constant(), "b": inner}, at=[3.0], scales=None, counts_from="part")
    both.check_run(7.5)
    with pytest.raises(ValueError, match="^parts.b.epochs=4 of warm-up: the run has 3.5"):
        both.check_run(6.5)
    with pytest.raises(ValueError, match="^at=.3.0.: a part would begin after 3 epochs"):
        both.check_run(3.0)
