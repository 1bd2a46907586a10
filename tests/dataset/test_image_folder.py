"""Image folders: decoding against torchvision, workers against none, corrupt files, memory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop, v2

from basin.core.random import CounterDraws
from basin.dataset.decoding import NUM_DRAWS, random_box
from basin.dataset.file_table import FileTable
from basin.dataset.image_folder import ImageFolder

ROOT = Path(__file__).parents[2]
COLOURS = {"cat": (200, 30, 30), "dog": (30, 200, 30), "owl": (30, 30, 200)}
PART = {"train": 6, "val": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three classes of JPEG files of several sizes; one is greyscale."""
    place = tmp_path_factory.mktemp("folder")
    generator = np.random.default_rng(0)
    for part, num in PART.items():
        for name, colour in COLOURS.items():
            (place / part / name).mkdir(parents=True)
            for i in range(num):
                noise = generator.integers(-30, 30, (40 + 5 * i, 60 - 3 * i, 3))
                pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(place / part / name / f"{i}.JPEG")
    Image.new("L", (50, 50), 128).save(place / "train" / "owl" / "0.JPEG")
    return place


def folder(root, **changes):
    values = {
        **{"seed": 0, "root": str(root), "folder": ".", "images": None, "train": "train"},
        **{"test": "val", "size": 32, "resize": 36, "crop": "inception", "scale": [0.08, 1.0]},
        **{"ratio": [3 / 4, 4 / 3], "interpolation": "bilinear", "workers": 0},
        **{"on_corrupt": "error", "mean": [0.5] * 3, "std": [0.5] * 3, "validation": 0},
        **{"limit_train": None},
    }
    return ImageFolder(**{**values, **changes})


def draws(indices, seed=3):
    return CounterDraws(seed, 100 + indices)


def test_facts_are_counted(root):
    described = folder(root, validation=3, limit_train=6)
    assert (described.facts.train, described.facts.test, described.facts.num_classes) == (18, 6, 3)
    assert described.num_train == 6
    loaded = described.load()
    assert loaded.classes == ("cat", "dog", "owl")
    assert [len(loaded.train), len(loaded.validation), len(loaded.test)] == [6, 3, 6]
    assert sorted(loaded.train.labels.tolist()) == [0, 0, 1, 1, 2, 2]


def test_test_images_are_torchvisions_resize_and_centre_crop(root):
    images, labels = folder(root).load().test.fetch(torch.arange(6), None)
    transform = v2.Compose([v2.Resize(36), v2.CenterCrop(32)])
    for i, path in enumerate(sorted((root / "val").rglob("*.JPEG"))):
        wanted = np.array(transform(Image.open(path).convert("RGB")))
        assert np.array_equal(images[i].permute(1, 2, 0).numpy(), wanted)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_training_images_are_torchvisions_crops_of_our_boxes(root):
    examples = folder(root).load().train
    indices = torch.arange(18)
    images, _ = examples.fetch(indices, draws(indices))
    boxes = draws(indices).uniform("box", NUM_DRAWS).tolist()
    for i, path in enumerate(sorted((root / "train").rglob("*.JPEG"))):
        image = Image.open(path).convert("RGB")
        limits = {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}
        top, left, height, width = random_box(image.height, image.width, boxes[i], **limits)
        crop = image.crop((left, top, left + width, top + height))
        wanted = np.array(crop.resize((32, 32), Image.Resampling.BILINEAR))
        assert np.array_equal(images[i].permute(1, 2, 0).numpy(), wanted)


def test_boxes_have_inceptions_areas_and_ratios():
    numbers = CounterDraws(0, torch.arange(4000)).uniform("box", NUM_DRAWS).tolist()
    limits = {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}
    boxes = np.array([random_box(400, 500, each, **limits) for each in numbers])
    top, left, height, width = boxes.T
    assert (top >= 0).all() and (top + height <= 400).all()
    assert (left >= 0).all() and (left + width <= 500).all()
    area, ratio = height * width / 200_000, width / height
    assert area.min() > 0.079 and area.max() > 0.95
    assert 0.74 < ratio.min() < 0.76 and 1.32 < ratio.max() < 1.35
    image = torch.empty(3, 400, 500)
    theirs = [RandomResizedCrop.get_params(image, **limits)[2:] for _ in range(4000)]
    theirs = np.prod(theirs, axis=1) / 200_000
    assert abs(area.mean() - theirs.mean()) < 4 * (2 * area.var() / 4000) ** 0.5


def test_an_image_that_fits_no_ratio_is_cropped_in_the_middle():
    box = random_box(10, 300, [0.99, 0.5, 0.0, 0.0] * 10, scale=(1.0, 1.0), ratio=(3 / 4, 4 / 3))
    assert box == (0, 143, 10, 13)


@pytest.mark.parametrize("random", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_workers_give_the_same_images_in_order(root, random):
    parts = torch.randperm(18).split(4)
    streams = []
    for workers in (0, 2):
        examples = folder(root, workers=workers).load().train
        requests = ((part, draws(part) if random else None) for part in parts)
        streams.append(list(examples.stream(requests)))
    for (images, labels), (others, same), part in zip(*streams, parts, strict=True):
        assert torch.equal(images, others) and torch.equal(labels, same)
        assert torch.equal(labels, part // 6)


def test_a_stream_reads_only_a_little_ahead(root):
    asked = []

    def requests():
        for i in range(1000):
            asked.append(i)
            yield torch.tensor([i % 18]), None

    stream = folder(root).load().train.stream(requests())
    next(stream)
    assert len(asked) == 1


def damaged(root, tmp_path):
    copy = tmp_path / "damaged"
    shutil.copytree(root, copy)
    file = copy / "train" / "dog" / "3.JPEG"
    file.write_bytes(file.read_bytes()[:200])
    return copy, file


@pytest.mark.parametrize("workers", [0, 1])
def test_a_corrupt_file_is_an_error_that_names_it(root, tmp_path, workers):
    copy, file = damaged(root, tmp_path)
    examples = folder(copy, workers=workers).load().train
    with pytest.raises(ValueError, match=f"{file} cannot be decoded.*on_corrupt=skip"):
        list(examples.stream(iter([(torch.arange(18), None)])))


def test_a_corrupt_file_is_skipped_and_reported_once(root, tmp_path, capsys):
    copy, file = damaged(root, tmp_path)
    examples = folder(copy, on_corrupt="skip").load().train
    for _ in range(2):
        images, labels = examples.fetch(torch.tensor([8, 9, 10]), None)
        assert labels.tolist() == [1, 1, 1] and torch.equal(images[1], images[2])
    assert capsys.readouterr().err.count(str(file)) == 1
    assert len(examples.skipped) == 1


def test_files_of_a_large_folder_take_bytes_not_objects(tmp_path):
    """100,000 names of 9 letters: a table of a few MB, whatever the images weigh."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    for i in range(2000):
        (tmp_path / "ab"[i % 2] / f"{i:09d}.jpg").touch()
    table = FileTable(tmp_path)
    size = sum(t.numel() * t.element_size() for t in (table.labels, table._names, table._ends))
    assert size < 2000 * 32 and len(table) == 2000
    assert table.path(1001) == tmp_path / "b" / "000000003.jpg"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crop": "random"}, "crop='random' is not one of inception, centre"),
        ({"interpolation": "nearest"}, "interpolation='nearest' is not one of"),
        ({"on_corrupt": "ignore"}, "on_corrupt='ignore' is not one of"),
        ({"size": 64}, "size=64 must be 1 or more, and at most dataset.resize=36"),
        ({"scale": [0.5, 0.1]}, r"scale=\[0.5,0.1\] must rise"),
        ({"scale": [0.5, 1.5]}, "at most 1, the whole image"),
        ({"workers": -1}, "workers=-1 must be 0 or more"),
        ({"test": "test"}, "cannot read .*test: No such file or directory"),
        ({"train": "train/cat"}, "has no class folders"),
        ({"images": [20, 6]}, r"holds \[18, 6\] training and test images, and not \[20, 6\]"),
        ({"limit_train": 19}, "limit_train=19 must be 1 to 18"),
    ],
)
def test_bad_values_are_refused(root, changes, said):
    with pytest.raises(ValueError, match=said):
        folder(root, **changes)


@pytest.mark.slow
def test_a_run_over_a_folder_with_a_corrupt_file(root, tmp_path):
    """The real command line; its record counts the file."""
    copy, file = damaged(root, tmp_path)
    own = ["dataset=image_folder", f"dataset.root={copy}", "dataset.size=8", "dataset.resize=8"]
    run = ["model=wrn_16_1", "augment=flip", "epochs=2", "batch_size=6", "dataset.workers=1"]
    place = [f"results={tmp_path / 'runs'}", "device=cpu"]
    command = [sys.executable, "train.py", *own, *run, *place]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert failed.returncode == 1 and f"{file} cannot be decoded" in failed.stderr
    subprocess.run([*command, "dataset.on_corrupt=skip"], cwd=ROOT, check=True, capture_output=True)
    records = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/record.json")]
    assert [record["skipped_files"] for record in records] == [1]


IMAGENETTE = Path(__file__).parents[3] / "shared" / "data" / "imagenette"


@pytest.mark.slow
@pytest.mark.skipif(not IMAGENETTE.is_dir(), reason="needs ../shared/data/imagenette")
def test_real_imagenet_files():
    loaded = folder(IMAGENETTE, size=64, resize=72, workers=2).load()
    assert [len(loaded.train), len(loaded.test), len(loaded.classes)] == [800, 200, 10]
    rows = torch.arange(800).split(100)
    stream = loaded.train.stream((part, draws(part)) for part in rows)
    assert torch.cat([labels for _, labels in stream]).bincount().tolist() == [80] * 10


MEMORY = """
import os, sys
from pathlib import Path
import torch
sys.path[:0] = ["tests", "tests/dataset"]
from test_image_folder import draws, folder

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

data = folder(Path(sys.argv[1]), size=32).load()
stream = data.train.stream((part, draws(part)) for part in torch.arange(3000).split(50))
for _ in range(4):
    next(stream)
before = resident()
for _ in range(12):
    next(stream)
print(len(data.train), resident() - before, before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_length_of_a_folder(tmp_path):
    """Names of 3,000 and of 60,000 files, each 340 kB of pixels on paper: 20 GB of images."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 380, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    seen = {}
    for num in (3_000, 60_000):
        for part in ("train", "val"):
            place = tmp_path / str(num) / part / "a"
            place.mkdir(parents=True)
            for i in range(num if part == "train" else 1):
                (place / f"ILSVRC2012_{part}_{i:08d}.png").hardlink_to(tmp_path / "one.png")
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path / str(num))],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        length, growth, before = map(int, done.stdout.split())
        assert length == num and growth < 8e6
        seen[num] = before
    assert seen[60_000] - seen[3_000] < 60_000 * 200  # the names, some in Python on the way
