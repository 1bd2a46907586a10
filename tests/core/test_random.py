import torch

from basin.core.random import CounterDraws, bits, derive, mix, mix_number, permutation

CPU = torch.device("cpu")


def test_mix_is_splitmix64():
    # first outputs of SplitMix64 seeded with 1234567 (the generator's published test values)
    state, outputs = 1234567, []
    for _ in range(3):
        outputs.append(mix_number(state))
        state = (state + 0x9E3779B97F4A7C15) & ((1 << 64) - 1)
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_tensor_and_integer_forms_agree():
    values = [0, 1, 5, 2**31, 2**62 + 3]
    mixed = mix(torch.tensor(values))
    assert [int(v) & (2**64 - 1) for v in mixed] == [mix_number(v) for v in values]


def test_draws_do_not_depend_on_the_batch_they_are_in():
    numbers = torch.arange(100)
    whole = CounterDraws(9, numbers).uniform("crop", 3)
    piece = CounterDraws(9, numbers[40:60]).uniform("crop", 3)
    assert torch.equal(whole[40:60], piece)
    assert not torch.equal(whole, CounterDraws(9, numbers).uniform("flip", 3))
    assert not torch.equal(whole, CounterDraws(8, numbers).uniform("crop", 3))


def test_draws_are_uniform():
    draws = CounterDraws(1, torch.arange(100_000))
    u = draws.uniform("a", 2).double()
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.001
    assert abs(torch.corrcoef(u.T)[0, 1]) < 0.01
    counts = torch.bincount(draws.integers("b", 9).flatten(), minlength=9)
    assert counts.sum() == 100_000 and (counts - 100_000 / 9).abs().max() < 450  # 4.5 sigma


def test_permutation_is_one_and_fixed_for_ever():
    order = permutation(derive(0, "order"), 1000, CPU)
    assert torch.equal(order.sort().values, torch.arange(1000))
    assert order[:6].tolist() == EXPECTED_ORDER
    assert bits(3, torch.tensor([0, 1])).tolist() == EXPECTED_BITS


def test_every_counter_depends_on_the_seed():
    seeds = [derive(i) for i in range(1000)]
    for counter in (0, 1, 1023):
        drawn = [int(bits(seed, torch.tensor([counter]))) for seed in seeds]
        assert len(set(drawn)) == len(seeds)
        ones = torch.tensor([[d >> k & 1 for k in range(64)] for d in drawn]).double().mean(0)
        assert (ones - 0.5).abs().max() < 0.07  # 4.4 sigma, for each of the 64 bits


EXPECTED_ORDER = [818, 410, 782, 708, 315, 644]
EXPECTED_BITS = [652428288534806038, -6417210852816986519]
