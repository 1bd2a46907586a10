"""Images a second after a run was continued count what was drawn since, in the time since."""

import pytest
from toy import Around, build, sgd, train

from basin.training.snapshot import restore, snapshot


def make():
    return build(lambda g, m: (sgd(g), {}, {}), epochs=2.0)


def test_a_continued_interval_counts_only_what_is_drawn_since(monkeypatch):
    first = make()
    train(first)
    second = make()
    clock = iter([0.0, 10.0])
    around = Around(second)
    restore(second, snapshot(first))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    around.go_on(5.0, None)
    drawn = second.closure.input.order.cursors[0]
    assert drawn == 240 and around.meter.seconds == 5.0
    assert around.meter.rate(drawn + 30) == pytest.approx(3.0)  # not (240 + 30) / 10
