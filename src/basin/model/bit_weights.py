"""The authors' .npz weights of BiT in basin's model, tensor by tensor (Kolesnikov et al. 2020).

arXiv:1912.11370. Kernels lie as (height, width, in, out) in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor, nn

HEAD = ("keep", "zero", "fresh")
KERNEL = "standardized_conv2d/kernel"
SHOWN = 3
"""Names of tensors in a message."""


def load_(model: Any, path: Path, *, head: str) -> None:
    """Copy every tensor of a file into a BigTransfer; ValueError where the two do not fit.

    head: basin.model.bit.BigTransfer; where it is not kept, the file's may have any size.
    """
    wanted = tensors(model)
    if head != "keep":
        wanted = {name: tensor for name, tensor in wanted.items() if not _of_head(name)}
    with _opened(path) as file, torch.no_grad():
        there = {name for name in file.files if head == "keep" or not _of_head(name)}
        problems = [
            *_listed("lacks", sorted(wanted.keys() - there)),
            *_listed("has beside the model's", sorted(there - wanted.keys())),
        ]
        unlike = []
        for name in sorted(wanted.keys() & there):
            values = _as_torch(file[name])
            tensor = wanted[name]
            if values.numel() == tensor.numel() and values.shape[: tensor.ndim] == tensor.shape:
                tensor.copy_(values.reshape(tensor.shape))
            else:
                unlike.append(f"{name} {(*values.shape,)}, not {(*tensor.shape,)}")
        problems += _listed("has other shapes (out, in, height, width) in", unlike)
    if problems:
        raise ValueError(
            f"weights={path} are not of this model, of its layers, width, in_channels (and classes"
            f" where head=keep): it {'; it '.join(problems)}"
        )
    if head == "zero":
        nn.init.zeros_(model.linear.weight)
        nn.init.zeros_(model.linear.bias)


def tensors(model: Any) -> dict[str, Tensor]:
    """The parameters of a BigTransfer by their names in the authors' files."""
    named = {
        f"resnet/root_block/{KERNEL}": model.stem.weight,
        **_norm("resnet/group_norm", model.norm),
        "resnet/head/conv2d/kernel": model.linear.weight,
        "resnet/head/conv2d/bias": model.linear.bias,
    }
    for block, stage in enumerate(model.stages, 1):
        for number, unit in enumerate(stage, 1):
            prefix = f"resnet/block{block}/unit{number:02d}"
            for letter, conv, norm in (
                ("a", unit.conv1, unit.norm1),
                ("b", unit.conv2, unit.norm2),
                ("c", unit.conv3, unit.norm3),
            ):
                named[f"{prefix}/{letter}/{KERNEL}"] = conv.weight
                named |= _norm(f"{prefix}/{letter}/group_norm", norm)
            if unit.projection is not None:
                named[f"{prefix}/a/proj/{KERNEL}"] = unit.projection.weight
    return named


def _norm(prefix: str, norm: nn.GroupNorm) -> dict[str, Tensor]:
    return {f"{prefix}/gamma": norm.weight, f"{prefix}/beta": norm.bias}


def _of_head(name: str) -> bool:
    return name.startswith("resnet/head/")


def _as_torch(values: np.ndarray[Any, Any]) -> Tensor:
    tensor = torch.from_numpy(values)
    return tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor


def _opened(path: Path) -> Any:
    try:
        file = np.load(path, allow_pickle=False)
    except (BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"weights={path} is not an .npz file: {error}") from None
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise ValueError(f"weights={path} is one array, not an .npz file of named ones")
    return file


def _listed(what: str, names: list[str]) -> list[str]:
    """A sentence about the first of them; nothing where there are none."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what} {', '.join(names[:SHOWN])}{more}"] if names else []
