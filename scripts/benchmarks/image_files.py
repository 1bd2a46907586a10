"""A folder of image files as torchvision reads it; its files in another size, and what they are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from first_stage import FirstStage
from PIL import Image
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

from basin.dataset.archive import data_root

SAMPLE = 200
"""Files whose size is looked at."""

Draw = Callable[[], int]
"""Puts the next minibatch on the device and says how many images it has."""


def torchvision_draw(stage: FirstStage, workers: int) -> Draw:
    """From the training files of a stage, cropped, flipped and normalised as it asks."""
    described, device = stage.plan.dataset, stage.parts.precision.device
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(
                described.size,
                described.scale,
                described.ratio,
                transforms.InterpolationMode(described.interpolation),
            ),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(stage.dataset.mean, stage.dataset.std),
        ]
    )
    images = ImageFolder(train_folder(stage), transform)
    loader: DataLoader[Any] = DataLoader(
        images,
        batch_size=stage.settings["batch_size"],
        sampler=RandomSampler(images, replacement=True, num_samples=2**40),  # endless, as ours
        num_workers=workers,
        pin_memory=device.type == "cuda",
        multiprocessing_context="forkserver" if workers else None,
    )
    batches = iter(loader)

    def draw() -> int:
        pixels, labels = next(batches)
        pixels.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        return len(labels)

    return draw


def train_folder(stage: FirstStage) -> Path:
    """That of the class folders of a stage's training files."""
    described = stage.plan.dataset
    return data_root(described.root) / described.folder / described.train


@contextmanager
def resized(train: Path, shorter: int) -> Iterator[list[str]]:
    """Fields for the same training images with a shorter side of so many pixels."""
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(train.glob("*/*")):
            with Image.open(path) as file:
                scale = shorter / min(file.size)
                width, height = (round(scale * side) for side in file.size)
                image = file.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
            target = Path(folder, "train", path.parent.name, f"{path.stem}.JPEG")
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target, quality=95)
        Path(folder, "val").symlink_to("train")
        parts = ["dataset.folder=.", "dataset.train=train", "dataset.test=val"]
        yield [f"dataset.root={folder}", *parts, "dataset.images=null"]


def sizes(train: Path) -> str:
    """How many files there are, and how large some of them are in the mean."""
    paths = sorted(train.glob("*/*"))
    some = paths[:: -(-len(paths) // SAMPLE)]
    pixels = 0
    for path in some:
        with Image.open(path) as file:
            pixels += file.width * file.height
    thousands = sum(path.stat().st_size for path in some) / len(some) / 1000
    return f"{len(paths)} files; {pixels / len(some):,.0f} pixels, {thousands:.0f} kB in the mean"
