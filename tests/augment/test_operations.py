"""Every operation against torchvision's function for one image, and what the policies draw."""

import math

import pytest
import torch
from torchvision.transforms import AutoAugment as Theirs
from torchvision.transforms import AutoAugmentPolicy
from torchvision.transforms import functional as F

from basin.augment.autoaugment import POLICIES, AutoAugment
from basin.augment.operations import GEOMETRY, NAMES, SIGNED, apply, strengths
from basin.augment.randaugment import RandAugment as Ours
from basin.core.random import CounterDraws

NUM = 24


def pictures(height=32, width=32, channels=3):
    """Smooth waves with noise, one dark, one of a single level."""
    generator = torch.Generator().manual_seed(1)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    phase = 6 * torch.rand(NUM, channels, 1, 1, generator=generator)
    waves = 120 + 90 * torch.sin(x / 5 + phase) * torch.cos(y / 7 - phase)
    noisy = waves + 12 * torch.randn(NUM, channels, height, width, generator=generator)
    images = noisy.clamp(0, 255).to(torch.uint8)
    images[0] //= 4
    images[1] = 77
    return images.contiguous(memory_format=torch.channels_last)


def reference(image, name, magnitude, fill):
    """torchvision's functions for one image (C, H, W), as its AutoAugment calls them."""
    values = [float(fill)] * len(image)
    still = {"angle": 0.0, "scale": 1.0, "fill": values}
    degrees = math.degrees(math.atan(magnitude))
    return {
        "Identity": lambda: image,
        "ShearX": lambda: F.affine(
            image, translate=[0, 0], shear=[degrees, 0.0], center=[0, 0], **still
        ),
        "ShearY": lambda: F.affine(
            image, translate=[0, 0], shear=[0.0, degrees], center=[0, 0], **still
        ),
        "TranslateX": lambda: F.affine(image, translate=[int(magnitude), 0], shear=[0, 0], **still),
        "TranslateY": lambda: F.affine(image, translate=[0, int(magnitude)], shear=[0, 0], **still),
        "Rotate": lambda: F.rotate(image, magnitude, fill=values),
        "Brightness": lambda: F.adjust_brightness(image, 1 + magnitude),
        "Color": lambda: F.adjust_saturation(image, 1 + magnitude),
        "Contrast": lambda: F.adjust_contrast(image, 1 + magnitude),
        "Sharpness": lambda: F.adjust_sharpness(image, 1 + magnitude),
        "Posterize": lambda: F.posterize(image, int(magnitude)),
        "Solarize": lambda: F.solarize(image, magnitude),
        "AutoContrast": lambda: F.autocontrast(image),
        "Equalize": lambda: F.equalize(image),
        "Invert": lambda: F.invert(image),
    }[name]()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(32, 32, 3), (24, 31, 3), (28, 28, 1)])
def test_each_operation_is_torchvisions(name, shape):
    images = pictures(*shape)
    table = strengths(10, shape[:2])[NAMES.index(name)]
    magnitudes = table[torch.arange(NUM) % 10]
    if name in SIGNED:
        magnitudes = magnitudes * (1 - 2 * (torch.arange(NUM) % 2))
    operation = torch.full((NUM,), NAMES.index(name))
    found = apply(images, operation, magnitudes, 7)
    expected = torch.stack(
        [
            reference(image, name, float(magnitude), 7)
            for image, magnitude in zip(images, magnitudes, strict=True)
        ]
    )
    if name in GEOMETRY:  # a place half-way between two pixels may round either way
        assert (found != expected).double().mean() < 1e-2
    else:
        assert (found.int() - expected.int()).abs().max() <= 1
        # one level apart where theirs rounds a whole level down (77 x 1.1 - 77 x 0.1 = 76.99999)
        assert (found != expected).double().mean() < 0.06
    assert found.dtype == torch.uint8
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_images_of_a_batch_have_their_own_operations():
    images = pictures()
    operations = torch.arange(NUM) % len(NAMES)
    magnitudes = strengths(10, (32, 32))[operations, 6]
    together = apply(images, operations, magnitudes, 0)
    for i in range(NUM):
        alone = apply(images[i : i + 1], operations[i : i + 1], magnitudes[i : i + 1], 0)
        assert torch.equal(together[i], alone[0])


@pytest.mark.parametrize("num", [10, 31])
def test_strengths_are_torchvisions(num):
    theirs = Theirs()._augmentation_space(num, (32, 48)) | {"Identity": (torch.tensor(0.0), False)}
    for name, row in zip(NAMES, strengths(num, (32, 48)), strict=True):
        expected, signed = theirs[name]
        torch.testing.assert_close(row, expected.float().expand(num), rtol=1e-6, atol=1e-5)
        assert signed == (name in SIGNED)


class Recorded:
    """What `apply` was asked for."""

    def __init__(self, monkeypatch, module):
        self.calls = []
        monkeypatch.setattr(module, "apply", self)

    def __call__(self, images, operations, magnitudes, fill):
        self.calls.append((operations, magnitudes))
        return images


@pytest.mark.parametrize("policy", POLICIES)
def test_autoaugment_draws_its_sub_policies(policy, monkeypatch):
    from basin.augment import autoaugment

    recorded = Recorded(monkeypatch, autoaugment)
    num = 60_000
    images = torch.zeros(num, 3, 8, 8, dtype=torch.uint8)
    AutoAugment(policy=policy, fill=0)(images, images, CounterDraws(2, torch.arange(num)))
    theirs = Theirs(AutoAugmentPolicy(policy))
    for turn, (operations, _) in enumerate(recorded.calls):
        share = dict.fromkeys(NAMES, 0.0)
        for pair in theirs.policies:
            name, probability, _ = pair[turn]
            share[name] += probability / 25
            share["Identity"] += (1 - probability) / 25
        counts = operations.bincount(minlength=len(NAMES)) / num
        expected = torch.tensor(list(share.values()))
        assert (counts - expected).abs().max() < 4.5 * (0.25 / num) ** 0.5
    both = {
        tuple(sorted(map(int, pair))) for pair in zip(*[o for o, _ in recorded.calls], strict=True)
    }
    allowed = {
        tuple(sorted((NAMES.index(a) if keep_a else 0, NAMES.index(b) if keep_b else 0)))
        for (a, *_), (b, *_) in theirs.policies
        for keep_a in (0, 1)
        for keep_b in (0, 1)
    }
    assert both <= allowed


def test_signs_and_magnitudes_of_autoaugment(monkeypatch):
    from basin.augment import autoaugment

    recorded = Recorded(monkeypatch, autoaugment)
    images = torch.zeros(20_000, 3, 32, 32, dtype=torch.uint8)
    draws = CounterDraws(2, torch.arange(20_000))
    AutoAugment(policy="cifar10", fill=0)(images, images, draws)
    operations, magnitudes = recorded.calls[0]
    rotations = magnitudes[operations == NAMES.index("Rotate")]  # ("Rotate", 0.7, 2)
    assert rotations.abs().unique().tolist() == pytest.approx([20 / 3])
    assert 0.4 < (rotations > 0).double().mean() < 0.6
    solarise = magnitudes[operations == NAMES.index("Solarize")]  # magnitudes 2 and 5
    assert solarise.unique().tolist() == pytest.approx([255 * 4 / 9, 255 * 7 / 9])


def test_randaugment_draws_all_operations_alike(monkeypatch):
    from basin.augment import randaugment

    recorded = Recorded(monkeypatch, randaugment)
    images = torch.zeros(30_000, 3, 32, 32, dtype=torch.uint8)
    one = Ours(num_operations=3, magnitude=9, num_magnitudes=31, fill=0)
    one(images, images, CounterDraws(1, torch.arange(30_000)))
    assert len(recorded.calls) == 3
    for operations, magnitudes in recorded.calls:
        counts = operations.bincount(minlength=len(NAMES)) / 30_000
        assert counts[-1] == 0 and NAMES[-1] == "Invert"
        assert (counts[:-1] - 1 / 14).abs().max() < 4.5 * (1 / 14 / 30_000) ** 0.5
        sheared = magnitudes[operations == NAMES.index("ShearX")]
        assert sheared.abs().unique().tolist() == pytest.approx([0.09])
    first, second, _ = (operations for operations, _ in recorded.calls)
    assert 0.06 < (first == second).double().mean() < 0.083


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AutoAugment(policy="mnist", fill=0), "policy='mnist' is not one of cifar10, svhn"),
        (lambda: AutoAugment(policy="svhn", fill=256), "fill=256 must be 0 to 255"),
        (
            lambda: Ours(num_operations=0, magnitude=9, num_magnitudes=31, fill=0),
            "num_operations=0 must be 1 or more",
        ),
        (
            lambda: Ours(num_operations=2, magnitude=31, num_magnitudes=31, fill=0),
            "magnitude=31 must be 0 to 30",
        ),
    ],
)
def test_what_they_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_floats_are_refused():
    images = torch.zeros(2, 3, 8, 8)
    with pytest.raises(ValueError, match="autoaugment works on uint8 pixels"):
        AutoAugment(policy="cifar10", fill=0)(images, images, CounterDraws(0, torch.arange(2)))
