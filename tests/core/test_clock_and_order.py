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
    assert clock.epochs("392 steps") == 1 + 1 / 391
    assert clock.epochs("10000 images") == 78.125 / 391  # 50,000 images are 390.625 steps of 391
    assert clock.epochs("50000 images") == 1.0
    assert clock.epochs("1280 images") == clock.epochs("10 steps") == 10 / 391
    assert Clock(49_920, 128).epochs("390 steps") == 1.0  # the partial batch dropped


@pytest.mark.parametrize(("num", "batch"), [(50_000, 128), (36, 8), (120, 16), (100, 10), (7, 7)])
def test_steps_end_where_t_is_after_them(num, batch):
    clock, o = Clock(num, batch), Order(num=num, drawn=num, seed=0, device=CPU)
    steps = clock.steps_per_epoch
    for step in range(1, 3 * steps + 2):
        o.next(batch, stream=0, exactly=False)
        assert clock.epochs(f"{step} steps") == clock.t(o.cursors[0])
        assert clock.t(o.cursors[0]) == step // steps + step % steps / steps
        if step % steps == 0:
            assert clock.t(o.cursors[0]) == step / steps


def test_t_only_grows_in_batches_of_other_sizes():
    clock, o = Clock(36, 8), Order(num=36, drawn=36, seed=0, device=CPU)
    times = [0.0]
    for size in (3, 8, 1, 40, 5, 15, 72, 2, 7):
        o.next(size, stream=0, exactly=True)
        times.append(clock.t(o.cursors[0]))
    assert all(a < b for a, b in zip(times, times[1:], strict=False))
    assert times[4] == 1 + 16 / 8 / 5 and int(times[7]) == 144 // 36  # 52 and 144 drawn


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
