import pytest
import torch
from commands import run
from composed_sets import built

from basin.dataset.fake import Fake

FIELDS = {
    "seed": 0,
    "train": 30,
    "test": 7,
    "num_classes": 4,
    "shape": [3, 5, 7],
    "image_seed": 0,
    "mean": [0.5] * 3,
    "std": [0.25] * 3,
    "validation": 0,
    "limit_train": None,
}


def fake(**changes):
    return Fake(**{**FIELDS, **changes})


def test_images_are_a_function_of_their_own_seed():
    first, again, other = fake().load(), fake(seed=5).load(), fake(image_seed=1).load()
    assert first.train.images.shape == (30, 3, 5, 7) and len(first.test) == 7
    assert torch.equal(first.train.images, again.train.images)
    assert not torch.equal(first.train.images, other.train.images)
    assert not torch.equal(first.train.images[:7], first.test.images)


def test_the_option_loads():
    made = built(
        "fake", "train=20", "test=8", "num_classes=4", "shape=[1,6,5]", "mean=[0.5]", "std=[0.25]"
    )
    data = made.load()
    assert data.train.images.shape == (20, 1, 6, 5) and data.train.images.dtype == torch.uint8
    assert data.train.labels.bincount().tolist() == [5] * 4 and len(data.test) == 8


def test_a_class_is_bright_where_its_pattern_is():
    data = fake(train=4000, test=8).load()
    means = torch.stack([data.train.images[data.train.labels == k].float().mean(0) for k in (0, 1)])
    bright = means > 127
    assert (means[bright] - 190.5).abs().max() < 8 and (means[~bright] - 63.5).abs().max() < 8
    assert 0.2 < bright.double().mean() < 0.8 and not torch.equal(bright[0], bright[1])


@pytest.mark.slow
def test_it_is_learnt_on_the_command_line(tmp_path):
    text = run(
        *("dataset=fake", "model=wrn_16_1", "dataset.shape=[3,8,8]", "epochs=2", "batch_size=50"),
        *("dataset.train=500", "dataset.test=100", "augment=none", "device=cpu"),
        *("schedule=constant", "logger=none", f"results={tmp_path}/runs"),
        output=tmp_path / "out",
    )
    assert "test accuracy 100.00 %" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [3, 5]}, r"dataset.shape=\[3, 5\] must be three sizes"),
        ({"num_classes": 31}, "dataset.num_classes=31 must be 1 to dataset.train=30"),
        ({"test": 0}, "dataset.test=0 must be 1 image or more"),
        ({"mean": [0.5]}, r"dataset.mean=\[0.5\] must have one value for each of the 3 channels"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        fake(**changes)
