"""Runs of a minute or more: real CIFAR-10, and the compiler."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from commands import MINI, Command, final_weights, run
from test_model_contract import build

ROOT = os.environ.get("BASIN_DATA", "")
HAVE_CIFAR = (Path(ROOT) / "cifar-10-batches-py").is_dir()
ONE_THREAD = ["device=cpu", "logger=none", "runtime.threads=1"]  # its neighbour has the other core
pytestmark = pytest.mark.slow


@pytest.mark.skipif(not HAVE_CIFAR, reason="no CIFAR-10 in BASIN_DATA")
def test_the_main_job_trains_on_real_images(tmp_path):
    arguments = ["model=wrn_16_4", "dataset=cifar10", f"dataset.root={ROOT}", "epochs=1"]
    arguments += ["dataset.limit_train=5120", *ONE_THREAD, f"results={tmp_path}"]
    command = Command(*arguments, output=tmp_path / "output")
    assert command.wait(540) == 0, command.text()
    (path,) = tmp_path.glob("wrn_16_4_cifar10_*-s0/record.json")
    record = json.loads(path.read_text())
    assert record["cost"]["parameters"] == 2_748_890
    assert record["dataset"]["train"] == 5120 and record["dataset"]["test"] == 10_000
    assert record["dataset"]["classes"][0] == "airplane"
    assert record["results"]["last"]["final"]["test"]["error"] < 75  # 90 without learning


@pytest.mark.skipif(not HAVE_CIFAR, reason="no CIFAR-100 in BASIN_DATA")
def test_cifar100_with_a_validation_split(tmp_path):
    arguments = ["model=resnet20", "dataset=cifar100", f"dataset.root={ROOT}", "epochs=2 steps"]
    arguments += ["dataset.validation=5000", *ONE_THREAD, f"results={tmp_path}"]
    command = Command(*arguments, output=tmp_path / "output")
    assert command.wait(300) == 0, command.text()
    (path,) = tmp_path.glob("resnet20_cifar100_*-s0/record.json")
    record = json.loads(path.read_text())
    sizes = {"train": 45_000, "validation": 5000, "test": 10_000}
    assert sizes.items() <= record["dataset"].items() and len(record["dataset"]["classes"]) == 100
    assert record["cost"]["steps"] == 2


IMAGENETTE = Path(__file__).resolve().parents[3] / "shared" / "data" / "imagenette"


@pytest.mark.parametrize(("name", "worst"), [("cifar10", 85), ("cifar100", 97)])
@pytest.mark.skipif(not HAVE_CIFAR, reason="no CIFAR in BASIN_DATA")
def test_three_real_epochs_with_augmentation(name, worst, tmp_path):
    """Better than chance, 90 and 99 %, by more than ten standard errors."""
    arguments = [f"dataset={name}", f"dataset.root={ROOT}", "dataset.limit_train=4000"]
    arguments += ["model=resnet20", "augment=[randaugment,crop_flip,cutout]", "batch_size=32"]
    arguments += ["epochs=3", "evaluate_every=3", *ONE_THREAD, f"results={tmp_path}"]
    command = Command(*arguments, output=tmp_path / "output")
    assert command.wait(540) == 0, command.text()
    (path,) = tmp_path.glob("*/record.json")
    record = json.loads(path.read_text())
    assert record["dataset"]["test"] == 10_000
    assert record["results"]["last"]["final"]["test"]["error"] < worst


@pytest.mark.skipif(not IMAGENETTE.is_dir(), reason="no Imagenette beside the checkout")
def test_three_real_epochs_of_decoded_images(tmp_path):
    arguments = ["dataset=image_folder", f"dataset.root={IMAGENETTE.parent}"]
    arguments += ["dataset.folder=imagenette", "dataset.size=64", "dataset.resize=72"]
    arguments += ["dataset.workers=2", "augment=flip", "model=resnet20", "batch_size=32"]
    arguments += ["epochs=3", *ONE_THREAD, f"results={tmp_path}"]
    command = Command(*arguments, output=tmp_path / "output")
    assert command.wait(540) == 0, command.text()
    (path,) = tmp_path.glob("*/record.json")
    record = json.loads(path.read_text())
    assert record["skipped_files"] == 0 and len(record["dataset"]["classes"]) == 10
    assert record["results"]["last"]["final"]["test"]["error"] < 85  # 90 without learning


@pytest.mark.parametrize("option", ["resnet20", "vgg16_bn_kuangliu", "densenet_40_12"])
def test_the_compilers_network_is_the_same(option):
    """inductor, in three families; tests/test_model_contract.py does the others without it."""
    torch.manual_seed(0)
    model = build(option).eval().to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 32, 32).to(memory_format=torch.channels_last)
    compiled = torch.compile(model)(images)
    torch.testing.assert_close(compiled, model(images), rtol=1e-4, atol=1e-4)


def test_compiled_training_learns_and_continues(tmp_path):
    arguments = [*MINI, "runtime.compile=true", f"results={tmp_path}/compiled"]
    kill_at = ("basin.training.reporting", "predict", 3)
    killed = Command(*arguments, output=tmp_path / "first", kill_at=kill_at)
    assert killed.wait(300) == -signal.SIGKILL, killed.text()
    continued = Command(*arguments, output=tmp_path / "second")
    assert continued.wait(300) == 0, continued.text()
    assert "continuing at epoch 2.000" in continued.text()
    run(*MINI, f"results={tmp_path}/eager", output=tmp_path / "third")
    for compiled, eager in zip(
        final_weights(tmp_path / "compiled").values(),
        final_weights(tmp_path / "eager").values(),
        strict=True,
    ):
        assert (compiled.double() - eager.double()).abs().max() < 0.02  # fusions round otherwise
