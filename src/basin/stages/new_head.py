"""Fine-tuning: published or own weights under a new classifier (Kolesnikov et al. 2020, BiT).

arXiv:1912.11370, section 3.3: the head for the new classes begins at zero.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from basin.core.solutions import load_, read_weights, run_folder, solution_file

HEADS = ("zero", "fresh")


class NewHead:
    """All weights but the classifier's from elsewhere; the classifier anew, for this data set.

    weights: a .safetensors, .pt or .pth file; or the folder of a finished run (its path, or its
    name in `results`), whose `solution` is taken; null keeps the model's own. head: its weights
    and biases are `zero`, or torch's `fresh` draw. The classifier is the model's last nn.Linear.
    """

    def __init__(
        self, results: str, num_classes: int, *, weights: str | None, solution: str, head: str
    ) -> None:
        if head not in HEADS:
            raise ValueError(f"head={head!r} is not one of {', '.join(HEADS)}")
        self._num_classes, self._source, self._zero = num_classes, weights, head == "zero"
        self._weights = None
        if weights is not None and Path(weights).expanduser().is_file():
            self._weights = read_weights(Path(weights).expanduser())
        elif weights is not None:
            file = solution_file(run_folder(weights, results=results) / solution)
            self._weights = read_weights(file)

    def __call__(self, model: nn.Module) -> nn.Module:
        """The same model, changed."""
        name, head = classifier(model)
        if head.out_features != self._num_classes:
            raise ValueError(
                f"the last linear layer, {name}, has {head.out_features} outputs, and the data set"
                f" {self._num_classes} classes: it is no classifier"
            )
        if self._weights is not None:
            load_(model, self._weights, source=f"weights={self._source}", skip=f"{name}.")
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
