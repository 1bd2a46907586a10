"""Mirror images, centred and whitened images: wrappers of data sets in memory."""

import json

import numpy as np
import pytest
import torch
from commands import run

from basin.core.protocols import Dataset
from basin.dataset.facts import Facts
from basin.dataset.mirrored import Mirrored
from basin.dataset.pixel_mean import PixelMean
from basin.dataset.resident import Resident
from basin.dataset.zca import Zca


def images(num, seed):
    """Correlated pixels: each image is a smooth wave with noise."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 6, (num, 1, 1, 1)) + np.arange(4)[:, None] + np.arange(5) / 2
    wave = 128 + 90 * np.sin(phase) + random.normal(0, 9, (num, 3, 4, 5))
    return torch.from_numpy(wave.clip(0, 255).astype(np.uint8))


class Base:
    facts = Facts(train=300, test=20, num_classes=2, shape=(3, 4, 5))
    num_train = 300

    def load(self):
        parts = [Resident(images(n, n), torch.arange(n) % 2) for n in (300, 10, 20)]
        return Dataset(*parts, ("a", "b"), (3, 4, 5), (0.5,) * 3, (0.2,) * 3)


def test_mirror_images_follow_the_images():
    mirrored, plain = Mirrored(base=Base()), Base().load()
    data = mirrored.load()
    assert mirrored.num_train == mirrored.facts.train == len(data.train) == 600
    assert torch.equal(data.train.images[:300], plain.train.images)
    assert torch.equal(data.train.images[300:], plain.train.images.flip(3))
    assert torch.equal(data.train.labels, plain.train.labels.repeat(2))
    assert torch.equal(data.test.images, plain.test.images)


def test_the_mean_image_is_the_training_parts():
    data, plain = PixelMean(base=Base()).load(), Base().load()
    mean = plain.train.images.numpy().astype(np.float64).mean(0) / 255
    for part in ("train", "validation", "test"):
        pixels = getattr(plain, part).images.numpy().astype(np.float64) / 255
        found = getattr(data, part).images.numpy()
        np.testing.assert_allclose(found, pixels - mean, rtol=0, atol=2e-7)
        assert found.dtype == np.float32


@pytest.mark.parametrize(("contrast", "regulariser"), [(55.0, 0.1), (None, 1e-3)])
def test_whitening_is_numpys(contrast, regulariser):
    plain = Base().load()
    data = Zca(base=Base(), contrast=contrast, regulariser=regulariser).load()

    def rows(part):
        flat = part.images.numpy().reshape(len(part), -1).astype(np.float64)
        if contrast is None:
            return flat / 255
        centred = flat - flat.mean(1, keepdims=True)
        return contrast * centred / np.sqrt((centred**2).sum(1, keepdims=True))

    train = rows(plain.train)
    mean = train.mean(0)
    left, scales, _ = np.linalg.svd((train - mean).T / np.sqrt(300))
    matrix = left @ np.diag(1 / np.sqrt(scales**2 + regulariser)) @ left.T
    for part in ("train", "validation", "test"):
        expected = (rows(getattr(plain, part)) - mean) @ matrix
        found = getattr(data, part).images.flatten(1).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-4 * np.abs(expected).max())


def test_a_whitened_part_has_the_identity_as_its_covariance():
    whitened = Zca(base=Base(), contrast=None, regulariser=1e-9).load().train.images
    covariance = torch.cov(whitened.flatten(1).double().T, correction=0)
    torch.testing.assert_close(covariance, torch.eye(60).double(), rtol=0, atol=2e-3)


def test_an_image_of_one_colour_stays_finite():
    class Plain(Base):
        def load(self):
            data = super().load()
            data.test.images[0] = 7
            return data

    data = Zca(base=Plain(), contrast=55.0, regulariser=0.1).load()
    assert torch.isfinite(data.test.images).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Zca(base=Base(), contrast=-1.0, regulariser=0.1), "dataset.contrast=-1.0"),
        (lambda: Zca(base=Base(), contrast=None, regulariser=-0.1), "dataset.regulariser=-0.1"),
        (lambda: Mirrored(base=PixelMean(base=Base())).load(), "dataset=mirrored needs a base"),
    ],
)
def test_what_they_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("option", ["mirrored", "pixel_mean", "zca"])
def test_each_trains_on_the_command_line(option, tmp_path):
    run(
        *(f"dataset={option}", "dataset@dataset.base=digits", "dataset.base.limit_train=100"),
        *("model=wrn_16_1", "augment=crop_flip", "augment.crop_flip.pad=1", "batch_size=50"),
        *("epochs=3", "schedule=constant", "device=cpu", f"results={tmp_path}"),
        output=tmp_path / "out",
    )
    (record,) = tmp_path.glob(f"wrn_16_1_{option}_*/record.json")
    content = json.loads(record.read_text())
    assert content["dataset"]["train"] == (200 if option == "mirrored" else 100)
    assert content["results"]["last"]["final"]["test"]["error"] < 90


def test_a_folder_cannot_be_mirrored(tmp_path):
    text = run(
        *("dataset=mirrored", "dataset@dataset.base=image_folder", "model=wrn_16_1"),
        *("dataset.base.root=tests/dataset/folder", "batch_size=2", "device=cpu"),
        f"results={tmp_path}",
        output=tmp_path / "out",
        code=1,
    )
    assert "dataset=mirrored needs a base whose pixels are all in memory" in text
