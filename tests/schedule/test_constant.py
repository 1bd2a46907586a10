"""The constant schedule."""

from basin.schedule.constant import Constant


def test_it_is_one():
    assert [Constant()(t) for t in (0.0, 0.5, 1e6)] == [1.0, 1.0, 1.0]
