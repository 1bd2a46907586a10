"""Fine-tuning: published or own weights under a new classifier (Kolesnikov et al. 2020, BiT).

arXiv:1912.11370, section 3.3: the head for the new classes begins at zero.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from basin.core.solutions import put_, read_tensors, solution_file

HEADS = ("zero", "fresh")


class NewHead:
    """All weights but the classifier's from elsewhere; the classifier anew, for this data set.

    weights: a file, .safetensors or a state dictionary by torch.save (.pt, .pth); or RUN or
    RUN/SOLUTION, RUN being the folder of a finished run; null keeps the model's own. head: its
    weights and biases are `zero`, or torch's `fresh` draw. It is the model's last nn.Linear.
    """

    def __init__(self, num_classes: int, *, weights: str | None, head: str) -> None:
        if head not in HEADS:
            raise ValueError(f"head={head!r} is not one of {', '.join(HEADS)}")
        self._num_classes, self._source, self._zero = num_classes, weights, head == "zero"
        self._weights = None if weights is None else read(Path(weights).expanduser())

    def __call__(self, model: nn.Module) -> nn.Module:
        """The same model, changed."""
        name, head = classifier(model)
        if head.out_features != self._num_classes:
            raise ValueError(
                f"the last linear layer, {name}, has {head.out_features} outputs, and the data set"
                f" {self._num_classes} classes: it is no classifier"
            )
        if self._weights is not None:
            put_(model, self._weights, source=f"weights={self._source}", skip=f"{name}.")
        head.reset_parameters()
        if self._zero:
            for parameter in head.parameters():
                nn.init.zeros_(parameter)
        return model


def classifier(model: nn.Module) -> tuple[str, nn.Linear]:
    """The last nn.Linear and its name; ValueError where there is none."""
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    if not layers:
        raise ValueError("the model has no nn.Linear, and so no classifier to replace")
    return layers[-1]


def read(place: Path) -> dict[str, Tensor]:
    """The tensors of a file, or of a solution of a finished run; a file with code is refused."""
    if not place.is_file() or place.suffix == ".safetensors":
        return read_tensors(place if place.is_file() else solution_file(place))
    try:
        content = torch.load(place, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{place} has no weights that can be read: {error}") from None
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"{place} is not a state dictionary: names of tensors and nothing else")
    return dict(content)
