"""State dictionaries on disk: files of weights, and the solutions of finished runs."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

SHOWN = 3
"""Names of tensors in a message."""


def solution_of(run: str, solution: str, *, results: str) -> dict[str, Tensor]:
    """The weights of a solution of a finished run, on the CPU.

    run: a run folder, or its name in `results`. solution: `last`, `swa`, ..., or a member of an
    ensemble, such as `fge_0`. Raises ValueError where there is none, naming those that there are.
    """
    folder = run_folder(run, results=results)
    file = folder / f"{solution}.safetensors"
    if not file.is_file():
        there = sorted(f.stem for f in folder.glob("*.safetensors") if f.stem != "logits")
        raise ValueError(
            f"{folder} has no solution {solution!r}: it has {', '.join(there) or 'none yet'}"
        )
    return read_weights(file)


def run_folder(run: str, *, results: str) -> Path:
    """The folder of a finished run, given by its path or by its name in `results`."""
    for folder in (Path(run).expanduser(), Path(results) / run):
        if folder.is_dir():
            if not (folder / "record.json").is_file():
                raise ValueError(f"{folder} is not the folder of a finished run: no record.json")
            return folder
    raise ValueError(f"there is no run folder {run}, nor {run} in {results}")


def read_weights(file: Path) -> dict[str, Tensor]:
    """A .safetensors file, or a state dictionary by torch.save (.pt, .pth); code is refused."""
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{file} has no weights that can be read: {error}") from None
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"{file} is not a state dictionary: names of tensors, and nothing else")
    return dict(content)


@torch.no_grad()
def load_(model: nn.Module, weights: Mapping[str, Tensor], *, source: str, skip: str = "") -> None:
    """Copy every tensor, those whose name begins with `skip` apart; ValueError where one differs.

    source: what the weights are of, for the message.
    """
    wanted = {k: v for k, v in model.state_dict().items() if not skip or not k.startswith(skip)}
    there = {k: v for k, v in weights.items() if not skip or not k.startswith(skip)}
    unlike = [
        f"{name} {(*there[name].shape,)}, not {(*wanted[name].shape,)}"
        for name in wanted.keys() & there.keys()
        if wanted[name].shape != there[name].shape
    ]
    problems = [
        f"{what} {', '.join(sorted(names)[:SHOWN])}{', ...' if len(names) > SHOWN else ''}"
        for what, names in (
            ("lacks", wanted.keys() - there.keys()),
            ("has beside the model's", there.keys() - wanted.keys()),
            ("has other shapes in", unlike),
        )
        if names
    ]
    if problems:
        raise ValueError(f"{source} is not of this model: it {'; it '.join(problems)}")
    for name, tensor in wanted.items():
        tensor.copy_(there[name])
