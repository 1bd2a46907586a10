"""Mixup and cutmix: weights, partners, targets."""

import pytest
import torch
from scipy.stats import beta, kstest

from basin.augment.cutmix import Cutmix
from basin.augment.mixing import SymmetricBeta, partners
from basin.augment.mixup import Mixup
from basin.augment.mixup_by_size import MixupBySize
from basin.core.clock import Clock
from basin.core.random import CounterDraws

SIZE = 32
IMAGES = torch.rand(SIZE, 3, 8, 8).contiguous(memory_format=torch.channels_last)
TARGETS = torch.arange(SIZE) % 5


def draws(seed=0):
    return CounterDraws(seed, torch.arange(SIZE, 2 * SIZE))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_are_beta_distributed(alpha):
    uniform = CounterDraws(1, torch.arange(20_000)).uniform("weight").flatten()
    weights = SymmetricBeta(alpha)(uniform)
    assert weights.min() >= 0 and weights.max() <= 1
    small = weights[uniform < 0.5].double().numpy()  # float32 rounds many of the others to 1
    assert kstest(small, lambda x: 2 * beta(alpha, alpha).cdf(x)).pvalue > 0.01
    mirrored = SymmetricBeta(alpha)(1 - uniform.clamp(min=2.0**-24))
    torch.testing.assert_close(weights + mirrored, torch.ones_like(weights), rtol=0, atol=1e-5)


def test_partners_are_a_permutation():
    assert partners(draws()).sort().values.tolist() == list(range(SIZE))


@pytest.mark.parametrize("per", ["batch", "image"])
def test_mixup_is_its_equation(per):
    mixup = Mixup(num_classes=5, alpha=1.0, probability=1.0, per=per)
    images, targets = mixup(IMAGES, TARGETS, draws())
    weight = SymmetricBeta(1.0)(draws().uniform("weight")).flatten().tolist()
    for i, j in enumerate(partners(draws()).tolist()):
        one = weight[0 if per == "batch" else i]
        torch.testing.assert_close(images[i], one * IMAGES[i] + (1 - one) * IMAGES[j])
        wanted = torch.zeros(5)
        wanted[TARGETS[i]] += one
        wanted[TARGETS[j]] += 1 - one
        torch.testing.assert_close(targets[i], wanted)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_cutmix_targets_are_the_shares_of_pixels():
    """Images of one colour each: what a pixel shows says whose it is."""
    colours = torch.arange(SIZE).float()[:, None, None, None].expand(SIZE, 1, 8, 8)
    boxes = set()
    for seed in range(20):
        cutmix = Cutmix(num_classes=5, alpha=1.0, probability=1.0)
        images, targets = cutmix(colours, TARGETS, draws(seed))
        for i, j in enumerate(partners(draws(seed)).tolist()):
            foreign = (images[i] == j).float().mean() if i != j else torch.tensor(0.0)
            wanted = torch.zeros(5)
            wanted[TARGETS[i]] += 1 - foreign
            wanted[TARGETS[j]] += foreign
            torch.testing.assert_close(targets[i], wanted)
        boxes.add(foreign.item())
    assert cutmix(IMAGES, TARGETS, draws())[0].is_contiguous(memory_format=torch.channels_last)
    assert len(boxes) > 5


@pytest.mark.parametrize("kind", [Mixup, Cutmix])
def test_probability_zero_changes_nothing_but_the_form_of_targets(kind):
    own = {"per": "image"} if kind is Mixup else {}
    step = kind(num_classes=5, alpha=1.0, probability=0.0, **own)
    images, targets = step(IMAGES, TARGETS, draws())
    assert torch.equal(images, IMAGES) and torch.equal(targets.argmax(1), TARGETS)
    assert torch.equal(targets.max(1).values, torch.ones(SIZE))
    again, same = step(images, targets, draws(1))
    assert torch.equal(again, IMAGES) and torch.equal(same, targets)


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="mixup alpha=0 must be above 0"):
        Mixup(num_classes=5, alpha=0, probability=1.0, per="batch")
    with pytest.raises(ValueError, match="mixup per='row' is not one of"):
        Mixup(num_classes=5, alpha=1.0, probability=1.0, per="row")
    with pytest.raises(ValueError, match="cutmix probability=2 must be 0 to 1"):
        Cutmix(num_classes=5, alpha=1.0, probability=2)


def test_mixup_by_size_mixes_large_training_sets_alone():
    fields = {"num_classes": 5, "alpha": 0.1, "probability": 1.0, "per": "batch"}
    clocks = Clock(19_999, 8), Clock(20_000, 8, 20), Clock(20_000, 8)  # the second draws copies
    by_size = [MixupBySize(clock=clock, smallest=20_000, **fields) for clock in clocks]
    *smalls, large = (one(IMAGES, TARGETS, draws()) for one in by_size)
    assert all(small[0] is IMAGES and small[1] is TARGETS for small in smalls)
    for ours, plain in zip(large, Mixup(**fields)(IMAGES, TARGETS, draws()), strict=True):
        assert torch.equal(ours, plain)
    with pytest.raises(ValueError, match="smallest=-1 must be a number of examples"):
        MixupBySize(clock=Clock(9, 3), smallest=-1, **fields)
