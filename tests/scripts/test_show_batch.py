"""The contact sheet, by the real command line."""

import subprocess
import sys

import pytest
import show_batch
import torch
from commands import ROOT
from PIL import Image

FOLDER = ["dataset=image_folder", "dataset.root=tests/dataset/folder", "dataset.workers=0"]


def show(*arguments):
    return subprocess.run(
        [sys.executable, "scripts/show_batch.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_it_draws_images_before_and_after(tmp_path):
    out = tmp_path / "sheet.png"
    fields = ["dataset.size=64", "dataset.crop=centre", "augment=none", "model=wrn_16_1"]
    done = show("--out", str(out), "--num", "3", "--scale", "1", *FOLDER, *fields)
    assert done.returncode == 0 and "3 images before and after" in done.stdout, done.stderr
    with Image.open(out) as image:
        width = image.width
        sheet = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    sheet = sheet.view(-1, width, 3)
    assert width == 3 * (2 * 64 + 12) and (sheet != 255).any()
    before, after = sheet[:64, :64], sheet[:64, 66:130]
    assert torch.equal(before, after)  # nothing was changed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num", "0"], "--num=0 is less than 1"),
        (["augment=cut"], "cutout"),
        (["dataset.limit_train=-1"], "dataset.limit_train=-1"),
    ],
)
def test_what_it_refuses(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    fields = ["--out", str(tmp_path / "x.png"), *FOLDER, "model=wrn_16_1"]
    assert show_batch.main([*fields, *arguments]) == 1
    assert message in capsys.readouterr().err
