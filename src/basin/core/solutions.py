"""Finished runs on disk: where the weights of a solution are, and what says that they are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn

LOGITS = "logits"
"""The one .safetensors file of a run folder that has no weights."""
SHOWN = 3
"""Names of tensors in a message."""


def solution_file(place: Path) -> Path:
    """The file of RUN (its solution `last`) or RUN/SOLUTION, RUN being a folder of results/runs.

    Raises ValueError where that is no run, is not finished, or has no such solution.
    """
    folder, solution = place, "last"
    if not folder.is_dir() and folder.parent.is_dir() and (folder.parent / "config.yaml").exists():
        folder, solution = folder.parent, folder.name.removesuffix(".safetensors")
    if not (folder / "config.yaml").exists():
        what = "it has no config.yaml" if folder.is_dir() else "there is no such folder"
        raise ValueError(f"{place} is no run ({what}); give a folder of results/runs")
    if not (folder / "record.json").exists():
        raise ValueError(
            f"{folder} is not finished (it has no record.json); the command that began it goes on"
        )
    file = folder / f"{solution}.safetensors"
    if solution == LOGITS or not file.exists():
        there = ", ".join(solutions(folder)) or "none"
        raise ValueError(f"{folder} has no solution {solution!r}; it has {there}")
    return file


def solutions(folder: Path) -> list[str]:
    """Names of the solutions whose weights a run folder has; `last` comes first."""
    names = {file.stem for file in folder.glob("*.safetensors")} - {LOGITS}
    return sorted(names, key=lambda name: (name != "last", name))


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, on the CPU whatever torch's default device is."""
    try:
        with torch.device("cpu"):
            return load(file.read_bytes())
    except Exception as error:  # safetensors' own error class is no public name
        raise ValueError(f"{file} cannot be read: {error}") from None


def load_(network: nn.Module, file: Path) -> None:
    """Put the weights of a file into a network; ValueError where they are of another one."""
    hint = f"; {file.with_name('config.yaml')} says which model that is"
    put_(network, read_tensors(file), source=str(file), hint=hint)


def put_(
    network: nn.Module, there: Mapping[str, Tensor], *, source: str, skip: str = "", hint: str = ""
) -> None:
    """Put tensors into a network, all but those whose names begin with `skip`, where it is given.

    source: what they are of, for the message. ValueError where they are of another network.
    """
    ours = network.state_dict()
    given = {k: v for k, v in there.items() if not skip or not k.startswith(skip)}
    wanted = {k: v for k, v in ours.items() if not skip or not k.startswith(skip)}
    problems = [
        *_listed("lacks", sorted(wanted.keys() - given.keys())),
        *_listed("has beside the model's", sorted(given.keys() - wanted.keys())),
        *_listed(
            "has other shapes in",
            [
                f"{name} {(*given[name].shape,)}, not {(*wanted[name].shape,)}"
                for name in wanted.keys() & given.keys()
                if given[name].shape != wanted[name].shape
            ],
        ),
    ]
    if problems:
        raise ValueError(
            f"{source} is of another network or number of classes:"
            f" it {'; it '.join(problems)}{hint}"
        )
    if not any(tensor.is_meta for tensor in wanted.values()):  # a check reads names and shapes
        network.load_state_dict({**ours, **given})


def _listed(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what} {', '.join(sorted(names)[:SHOWN])}{more}"]
