"""A contact sheet of a batch before and after augmentation, with labels.

    python scripts/show_batch.py augment=[crop_flip,cutout] dataset=cifar10 [field=value ...]

Fields are those of train.py. --out names the PNG (batch.png), --num the images (32; the first of
the first minibatch that the run would train on), --scale the pixels of an image's pixel.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from first_stage import CONFIGS, first_stage
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from PIL import Image, ImageDraw
from torch import Tensor

from basin.core.reader import quietly
from basin.experiment.errors import explain

COLUMNS = 8  # pairs in a row
LINE = 12  # pixels of a line of text
GAP = 6


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("batch.png"))
    parser.add_argument("--num", type=int, default=32)
    parser.add_argument(
        "--scale", type=int, default=None, help="default: images of about 96 pixels"
    )
    parser.add_argument("fields", nargs="*", help="as for train.py")
    chosen = parser.parse_args(arguments)
    try:
        pairs, classes = examples(chosen.fields, chosen.num)
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error, str(CONFIGS))}", file=sys.stderr)
        return 1
    side = pairs[0][0].shape[1]
    sheet(pairs, classes, chosen.scale or max(1, 96 // side)).save(chosen.out)
    print(f"{len(pairs)} images before and after augmentation: {chosen.out}")
    return 0


Pair = tuple[Tensor, Tensor, Tensor]
"""Pixels before and after (C, H, W) uint8, and the target: 0-d, or (K,) of a mixture."""


def examples(fields: Sequence[str], num: int) -> tuple[list[Pair], tuple[str, ...]]:
    """The first `num` images of the run's first minibatch, and the names of the classes."""
    if num < 1:
        raise ValueError(f"--num={num} is less than 1")
    stage = first_stage([*fields, "device=cpu", f"batch_size={num}", "micro_batch=null"])
    dataset = stage.dataset
    closure = stage.parts.closure
    closure.resample()
    batch = closure.batch
    plain, _ = dataset.train.fetch(batch.indices, None)
    before = pixels(closure.input.prepare(plain), dataset)
    after = pixels(batch.images, dataset)
    return list(zip(before, after, batch.targets, strict=True)), dataset.classes


def pixels(images: Tensor, dataset: Any) -> Tensor:
    """Normalised images as uint8 again; those that are no pixels, stretched to their range."""
    images = images.float()
    if dataset.train.fetch(torch.tensor([0]), None)[0].is_floating_point():
        low, high = images.amin(), images.amax()
        return ((images - low) / (high - low) * 255).round().to(torch.uint8)
    mean, std = (torch.tensor(v)[:, None, None] for v in (dataset.mean, dataset.std))
    return ((images * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


def caption(target: Tensor, classes: Sequence[str]) -> str:
    """`cat`, or `0.7 cat + 0.3 dog`."""
    if target.ndim == 0:
        return classes[int(target)]
    shares = [(float(share), k) for k, share in enumerate(target) if share > 0]
    if len(shares) == 1:
        return classes[shares[0][1]]
    return " + ".join(f"{share:.2f} {classes[k]}" for share, k in sorted(shares, reverse=True))


def sheet(pairs: Sequence[Pair], classes: Sequence[str], scale: int) -> Image.Image:
    """Rows of pairs, each before | after above its label."""
    height, width = (scale * n for n in pairs[0][0].shape[1:])
    cell = (2 * width + GAP, height + LINE + GAP)
    columns = min(COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    page = Image.new("RGB", (columns * (cell[0] + GAP), rows * cell[1] + GAP), "white")
    draw = ImageDraw.Draw(page)
    for i, (before, after, target) in enumerate(pairs):
        left, top = i % columns * (cell[0] + GAP), i // columns * cell[1]
        page.paste(picture(before, scale), (left, top))
        page.paste(picture(after, scale), (left + width + 2, top))
        text = caption(target, classes)
        while len(text) > 3 and draw.textlength(text) > cell[0]:
            text = text[:-2]
        draw.text((left, top + height), text, fill="black")
    return page


def picture(image: Tensor, scale: int) -> Image.Image:
    """(C, H, W) uint8, each pixel as a square."""
    planes = image.expand(3, -1, -1).permute(1, 2, 0)
    one = Image.fromarray(np.ascontiguousarray(planes.numpy()))
    return one.resize((scale * one.width, scale * one.height), Image.Resampling.NEAREST)


if __name__ == "__main__":
    sys.exit(quietly(main))
