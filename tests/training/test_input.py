"""Augmentations: pixels first, then normalised images; what they are told of each example."""

from dataclasses import dataclass

import pytest
import torch
from toy import NUM, build, examples, sgd

from basin.augment.crop_flip import CropFlip
from basin.core.clock import Clock
from basin.experiment import build as experiment


def plain(groups, model):
    return sgd(groups), {}, {}


@dataclass
class Spy:
    after_normalisation: bool

    def __call__(self, images, targets, draws):
        self.dtype = images.dtype
        self.indices, self.passes = draws.indices, draws.passes
        return images, targets


def test_pixels_come_before_normalised_images():
    pixels, floats = Spy(False), Spy(True)
    closure = build(plain, augmentations={"pixels": pixels, "floats": floats}).closure
    closure.resample()
    assert pixels.dtype == torch.uint8 and floats.dtype == torch.float64
    assert torch.equal(
        closure.batch.images, closure.input.prepare(examples().fetch(closure.batch.indices)[0])
    )


def test_draws_know_the_row_and_the_pass_of_each_example():
    spy = Spy(False)
    closure = build(plain, augmentations={"spy": spy}, batch_size=NUM // 2).closure
    rows = []
    for number in range(4):
        closure.resample()
        rows.append(spy.indices)
        assert spy.passes.tolist() == [number // 2] * (NUM // 2)
    assert torch.cat(rows[:2]).sort().values.tolist() == list(range(NUM))
    assert torch.cat(rows[2:]).sort().values.tolist() == list(range(NUM))


def test_zeros_after_normalisation_are_the_mean_colour():
    """Every image is inside its own padding somewhere: black is (0 - mean) / std = -1 here."""
    values = {"pad": 6, "padding": "zeros", "flip": 0.0, "order": "crop_flip"}
    for after, fill in ((False, -1.0), (True, 0.0)):
        crop = CropFlip(alternate=False, after_normalisation=after, **values)
        closure = build(plain, augmentations={"crop": crop}, batch_size=NUM).closure
        closure.resample()
        corners = closure.batch.images[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
        plainly = closure.input.prepare(examples().fetch(closure.batch.indices)[0])
        outside = (corners == fill).any(1)
        assert outside.float().mean() > 0.9
        assert closure.batch.images.dtype == plainly.dtype


def test_pixels_after_normalised_images_are_refused(monkeypatch):
    made = {"floats": Spy(True), "pixels": Spy(False)}
    monkeypatch.setattr(experiment, "_make", lambda path, node, **_: made[path.split(".")[1]])
    nodes = {"augment": {"floats": {}, "pixels": {}}}
    with pytest.raises(ValueError, match=r"put it first: augment=\[pixels,floats\]"):
        experiment.augmentations(nodes, num_classes=3, clock=Clock(9, 3))
