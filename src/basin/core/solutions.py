"""Weights on disk: the solutions of finished runs, and files of weights of any origin."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

LOGITS = "logits"
"""The one .safetensors file of a run folder that has no weights."""
SHOWN = 3
"""Names of tensors in a message."""


def run_folder(run: str, *, results: str) -> Path:
    """The folder of a finished run, given by its path or by its name in `results`."""
    for folder in (Path(run).expanduser(), Path(results) / run):
        if folder.is_dir():
            return _finished(folder)
    raise ValueError(f"there is no run folder {run}, nor {run} in {results}")


def place_of(run: str, *, results: str) -> Path:
    """RUN or RUN/SOLUTION as a path, RUN being a folder's path or its name in `results`."""
    place, named = Path(run).expanduser(), Path(results) / run
    there = [one for one in (place, named) if one.is_dir() or (one.parent / "config.yaml").exists()]
    return there[0] if there else place


def solution_file(place: Path) -> Path:
    """The file of RUN (its solution `last`) or RUN/SOLUTION, RUN being a folder of results/runs.

    Raises ValueError where that is no run, is not finished, or has no such solution.
    """
    folder, solution = place, "last"
    if not folder.is_dir() and folder.parent.is_dir() and (folder.parent / "config.yaml").exists():
        folder, solution = folder.parent, folder.name.removesuffix(".safetensors")
    file = _finished(folder) / f"{solution}.safetensors"
    if solution == LOGITS or not file.exists():
        there = ", ".join(solutions(folder)) or "none"
        raise ValueError(f"{folder} has no solution {solution!r}; it has {there}")
    return file


def solutions(folder: Path) -> list[str]:
    """Names of the solutions whose weights a run folder has; `last` comes first."""
    names = {file.stem for file in folder.glob("*.safetensors")} - {LOGITS}
    return sorted(names, key=lambda name: (name != "last", name))


def _finished(folder: Path) -> Path:
    if not (folder / "config.yaml").exists():
        what = "it has no config.yaml" if folder.is_dir() else "there is no such folder"
        raise ValueError(f"{folder} is no run ({what}); give a folder of results/runs")
    if not (folder / "record.json").exists():
        raise ValueError(
            f"{folder} is not finished (it has no record.json); the command that began it goes on"
        )
    return folder


def read_weights(file: Path) -> dict[str, Tensor]:
    """A .safetensors file, or a state dictionary by torch.save (.pt, .pth); code is refused.

    The tensors are on the CPU whatever torch's default device is.
    """
    try:
        with torch.device("cpu"):
            if file.suffix == ".safetensors":
                return load(file.read_bytes())
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{file} has no weights that can be read: {error}") from None
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"{file} is not a state dictionary: names of tensors, and nothing else")
    return dict(content)


@torch.no_grad()
def load_(model: nn.Module, weights: Mapping[str, Tensor], *, source: str, skip: str = "") -> None:
    """Copy every tensor, those whose name begins with `skip` apart; ValueError where one differs.

    source: what the weights are of, for the message. On the meta device names and shapes are
    looked at and nothing else.
    """
    wanted = {k: v for k, v in model.state_dict().items() if not skip or not k.startswith(skip)}
    there = {k: v for k, v in weights.items() if not skip or not k.startswith(skip)}
    unlike = [
        f"{name} {(*there[name].shape,)}, not {(*wanted[name].shape,)}"
        for name in wanted.keys() & there.keys()
        if wanted[name].shape != there[name].shape
    ]
    problems = [
        *_listed("lacks", wanted.keys() - there.keys()),
        *_listed("has beside the model's", there.keys() - wanted.keys()),
        *_listed("has other shapes in", unlike),
    ]
    if problems:
        raise ValueError(
            f"{source} is of another network or number of classes: it {'; it '.join(problems)}"
        )
    for name, tensor in wanted.items():
        tensor.copy_(there[name])


def _listed(what: str, names: Collection[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what} {', '.join(sorted(names)[:SHOWN])}{more}"]
