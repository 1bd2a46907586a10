import pytest
import torch

from basin.core.clock import Clock, check_duration
from basin.core.order import Order

CPU = torch.device("cpu")


def test_durations():
    clock = Clock(50_000, 128)
    assert clock.steps_per_epoch == 391
    assert clock.epochs(3) == clock.epochs("3 epochs") == 3.0
    assert clock.epochs("391 steps") == 1.0
    assert clock.epochs("392 steps") == 1 + 128 / 50_000
    assert clock.epochs("10000 images") == 0.2
    assert Clock(49_920, 128).epochs("390 steps") == 1.0  # the partial batch dropped


def test_steps_end_where_the_cursor_is_after_them():
    clock, o = Clock(50_000, 128), Order(num=50_000, drawn=50_000, seed=0, device=CPU)
    for step in range(1, 1200):
        o.next(128, stream=0, exactly=False)
        assert clock.epochs(f"{step} steps") == o.cursors[0] / 50_000


@pytest.mark.parametrize("bad", ["abc", "3 weeks", "steps", None, True])
def test_what_is_no_duration_is_named(bad):
    with pytest.raises(ValueError, match="epochs=.*not a duration"):
        check_duration("epochs", bad)


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf")])
def test_lengths_are_finite_and_not_negative(bad):
    with pytest.raises(ValueError, match="epochs="):
        check_duration("epochs", bad)


def order(drawn=10):
    return Order(num=10, drawn=drawn, seed=1, device=CPU)


def test_a_pass_is_a_permutation_and_ends_with_a_partial_batch():
    o = order()
    sizes, seen = [], []
    for _ in range(6):
        indices, _ = o.next(4, stream=0, exactly=False)
        sizes.append(len(indices))
        seen.append(indices)
    assert sizes == [4, 4, 2, 4, 4, 2]
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert not torch.equal(first, second)


def test_dropping_the_partial_batch_leaves_whole_batches_of_every_pass():
    o = order(drawn=8)
    assert [len(o.next(4, stream=0, exactly=False)[0]) for _ in range(5)] == [4] * 5
    assert o.cursors[0] == 20


def test_an_exact_size_goes_on_into_the_next_pass():
    o, reference = order(), order()
    indices, numbers = o.next(25, stream=0, exactly=True)
    pieces = [reference.next(10, stream=0, exactly=False)[0] for _ in range(3)]
    assert torch.equal(indices, torch.cat(pieces)[:25])
    assert numbers.tolist() == list(range(25))


def test_the_cursor_is_the_whole_state():
    o = order()
    for _ in range(4):
        o.next(3, stream=0, exactly=False)
    other = order()
    other.cursors.update(o.cursors)
    for stream in (0, 1, 0):
        a, b = o.next(3, stream=stream, exactly=False), other.next(3, stream=stream, exactly=False)
        assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
