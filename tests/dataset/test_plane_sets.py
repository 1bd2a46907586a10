"""Points of the plane: where they lie, that no run's seed moves them, and what is refused."""

import math

import pytest
import torch
from test_configs import overrides_of, settings_of

from basin.dataset.smiley import Smiley
from basin.dataset.spirals import Spirals
from basin.dataset.wave import Wave
from basin.experiment.check import check
from basin.objective.squared_error import SquaredError

FIELDS = {"train": 40, "test": 30, "noise": 0.0, "problem": 0}


def points(dataset):
    """Of the training part: (N, 2) and targets (N,)."""
    images, targets = dataset.load().train.fetch(torch.arange(dataset.num_train))
    return images.flatten(1), targets


def test_spirals_are_two_arms_half_a_turn_apart():
    found, labels = points(Spirals(**FIELDS, turns=1.5))
    radius = found.norm(dim=1)
    angle = 2 * math.pi * (1.5 * radius + labels / 2)
    directions = torch.stack([angle.cos(), angle.sin()], 1)
    torch.testing.assert_close(found, radius[:, None] * directions)
    assert radius.min() >= 0.1 and radius.max() <= 1 and labels.bincount().tolist() == [20, 20]


def test_a_smiley_has_its_features_inside():
    found, labels = points(Smiley(**FIELDS))
    radius = found.norm(dim=1)
    torch.testing.assert_close(radius[labels == 0], torch.ones(20, dtype=torch.float64))
    mouth, eyes = radius[3::4], found[1::4]
    torch.testing.assert_close(mouth, torch.full_like(mouth, 0.6))
    assert (found[3::4, 1] < 0).all() and (eyes[:, 1] == 0.35).all()
    assert sorted(set(eyes[:, 0].tolist())) == [-0.35, 0.35]


def test_the_score_of_the_wave_is_the_mean_of_the_objective():
    dataset = Wave(**{**FIELDS, "noise": 0.3})
    found, targets = points(Wave(**FIELDS))
    wave = (math.pi * found[:, 0]).sin() * (math.pi * found[:, 1]).cos()
    torch.testing.assert_close(targets, wave)
    outputs = torch.ones(40, 1, dtype=torch.float64)
    score = dataset.load().score(outputs, targets)
    assert score == {"risk": pytest.approx(float(SquaredError()(outputs, targets).mean()))}


def test_points_are_of_the_problem_and_differ_between_the_parts():
    one, same, other = (points(Spirals(**{**FIELDS, "problem": p}, turns=1.0)) for p in (3, 3, 4))
    assert torch.equal(one[0], same[0]) and not torch.equal(one[0], other[0])
    loaded = Spirals(**FIELDS, turns=1.0).load()
    test, _ = loaded.test.fetch(torch.arange(30))
    assert not torch.equal(test.flatten(1), points(Spirals(**FIELDS, turns=1.0))[0][:30])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dataset.train=1", "batch_size=1"], "dataset.train=1 must be 2 or more"),
        (["dataset.noise=-1"], "dataset.noise=-1 must be 0 or more"),
        (["augment=crop_flip"], "augment=crop_flip changes images and classes"),
        (["objective=cross_entropy"], "objective: "),
        (["batch_size=501"], "batch_size=501 is not between 1 and the 500"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_run(words, message):
    option = "wave" if words[0].startswith("objective") else "smiley"
    with pytest.raises(ValueError, match=message):
        check(*settings_of(*overrides_of("dataset", option), *words))
