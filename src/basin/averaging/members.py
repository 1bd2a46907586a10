"""Networks that an ensemble keeps: on the device, in memory, or in files of the run folder."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor, nn

from basin.core.ensemble import Ensemble, Member
from basin.core.files import write_atomically

PLACES = ("device", "cpu", "disk")


class Members:
    """State dictionaries of iterates, buffers included, under names that count from 0.

    keep: `device` and `cpu` put every member into every checkpoint; of `disk` a checkpoint has the
    names alone, and a member is read when it predicts.
    """

    def __init__(self, model: nn.Module, name: str, *, keep: str, folder: Path | None) -> None:
        if keep not in PLACES:
            raise ValueError(f"keep={keep!r} is not one of {', '.join(PLACES)}")
        self._model, self._name, self._keep, self._folder = model, name, keep, folder
        self._taken = 0  # members ever, those that were dropped included
        self._numbers: list[int] = []
        self._weights: list[dict[str, Tensor]] = []  # empty where they are on disk

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, *, most: int | None) -> None:
        """The model as it is; the oldest members go where there are more than `most`."""
        weights = {k: v.detach().clone() for k, v in self._model.state_dict().items()}
        if self._keep == "disk":
            plain = {k: v.cpu().contiguous() for k, v in weights.items()}
            file = self._file(self._taken)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, save(plain))
        else:
            self._weights.append(self._placed(weights))
        self._numbers.append(self._taken)
        self._taken += 1
        if most is not None:
            del self._numbers[:-most], self._weights[:-most]

    def ensemble(self) -> Ensemble:
        """All of them as one predictor, which has its own copy of the network."""
        on_disk = self._keep == "disk"
        readers = (
            [partial(self._read, number) for number in self._numbers]
            if on_disk
            else [partial(dict, weights) for weights in self._weights]
        )
        members = [
            Member(f"{self._name}_{number}", read, stored=on_disk)
            for number, read in zip(self._numbers, readers, strict=True)
        ]
        return Ensemble(copy.deepcopy(self._model).eval(), members)

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {"rule": "mean of softmaxes", "members": len(self), "kept": self._keep}

    def state_dict(self) -> dict[str, Any]:
        """Which members there are, and their weights where no file has them."""
        return {"taken": self._taken, "numbers": list(self._numbers), "weights": self._weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self._taken, self._numbers = state_dict["taken"], list(state_dict["numbers"])
        self._weights = [self._placed(weights) for weights in state_dict["weights"]]

    def _placed(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {k: v.cpu() for k, v in weights.items()} if self._keep == "cpu" else dict(weights)

    def _file(self, number: int) -> Path:
        if self._folder is None:
            raise ValueError(
                f"averaging.{self._name}.keep=disk needs the folder of a run, and there is none"
                " here; take cpu"
            )
        return self._folder / f"{self._name}_{number}.safetensors"

    def _read(self, number: int) -> dict[str, Tensor]:
        file = self._file(number)
        if not file.is_file():
            raise ValueError(
                f"{file}, a member of averaging.{self._name}, is not there: it was moved, or this"
                " run continues a stage of another one whose members are on disk (take keep=cpu)"
            )
        return load_file(file)
