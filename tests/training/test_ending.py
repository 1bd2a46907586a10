"""A stage that lasts until a feedback schedule is done, but at most its epochs."""

import pytest
from toy import build, same, sgd, train, train_with_kill, weights

from basin.core.protocols import Ending, ending
from basin.core.schedules import Stateless
from basin.schedule.constant import Constant
from basin.schedule.join import Join
from basin.schedule.warmup import WarmUp


class AfterUpdates:
    """Done after so many updates, which are its state."""

    def __init__(self, num):
        self.num, self.seen = num, 0

    def __call__(self, t):
        return 1.0

    @property
    def done(self):
        return self.seen >= self.num

    def observe(self, state):
        self.seen += 1

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state_dict):
        self.seen = state_dict["seen"]


def make(num, until="lr"):
    parts = build(lambda g, m: (sgd(g), {}, {"lr": AfterUpdates(num)}), epochs=4.0)
    parts.state.stage.until = until
    return parts


@pytest.mark.parametrize(("num", "steps"), [(11, 11), (16, 16), (100, 32)])
def test_it_ends_when_the_schedule_is_done_or_its_epochs_are(num, steps):
    parts = make(num)
    lines = train(parts).sink.lines
    assert parts.state.counters.step == steps and parts.state.done
    assert lines[-1]["step"] == steps  # it is evaluated where it ends
    undisturbed = weights(parts)
    assert same(undisturbed, weights(train_with_kill(lambda: make(num), 9)))


def test_without_until_a_done_schedule_ends_nothing():
    parts = make(11, until=None)
    train(parts)
    assert parts.state.counters.step == 32


def warm_up(after):
    fields = {"epochs": 1.0, "start_factor": 0.1, "shape": "linear", "per": "step"}
    return WarmUp(**fields, after_counts_from="start", after=after)


def join(**parts):
    return Join(parts=parts, at=[1.0], scales=None, counts_from="run")


def test_the_end_of_what_is_behind_a_warm_up_or_last_in_a_join_is_theirs():
    done = AfterUpdates(0)
    nested = join(first=Constant(), second=warm_up(done))
    assert ending(warm_up(done)) is ending(nested) is ending(done) is done
    for never in (warm_up(Constant()), join(first=done, second=Constant()), Constant(), None):
        assert ending(never) is None
    parts = build(lambda g, m: (sgd(g), {}, {"lr": warm_up(AfterUpdates(11))}), epochs=4.0)
    parts.state.stage.until = "lr"
    train(parts)
    assert parts.state.counters.step == 11


def test_a_pure_schedule_is_no_ending():
    assert isinstance(AfterUpdates(1), Ending)
    assert not isinstance(Constant(), Ending) and not isinstance(Stateless(), Ending)
