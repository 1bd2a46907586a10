"""Fine-tuning: published or own weights under a new classifier (Kolesnikov et al. 2020, BiT).

arXiv:1912.11370, section 3.3: the head for the new classes begins at zero.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from basin.core.solutions import load_, read_weights, run_folder, solution_file
from basin.core.weights_file import WeightsFile

HEADS = ("zero", "fresh")
SUFFIXES = (".safetensors", ".pt", ".pth")
"""Of files of weights."""


class NewHead:
    """All weights but the classifier's from elsewhere; the classifier anew, for this data set.

    weights: a .safetensors, .pt or .pth file; or the folder of a finished run (its path, or its
    name in `results`), whose `solution` is taken; null keeps the model's own. sha256, md5: of the
    file that is read, null: not checked. head: its weights and biases are `zero`, or torch's
    `fresh` draw. Which layer it is: `classifier`.
    """

    def __init__(
        self,
        results: str,
        num_classes: int,
        *,
        weights: str | None,
        solution: str,
        sha256: str | None,
        md5: str | None,
        head: str,
    ) -> None:
        if head not in HEADS:
            raise ValueError(f"head={head!r} is not one of {', '.join(HEADS)}")
        self._num_classes, self._source, self._zero = num_classes, weights, head == "zero"
        local = weights
        if weights is not None and not Path(weights).expanduser().is_file():
            if Path(weights).suffix in SUFFIXES:
                raise ValueError(f"weights={weights}: there is no such file")
            local = str(solution_file(run_folder(weights, results=results) / solution))
        file = WeightsFile(local, sha256=sha256, md5=md5)
        self._weights = read_weights(file.fetched()) if file.given else None

    def __call__(self, model: nn.Module) -> nn.Module:
        """The same model, changed."""
        name, head = classifier(model)
        if len(head.weight) != self._num_classes:
            raise ValueError(
                f"the last linear layer, {name}, has {len(head.weight)} outputs, and the data set"
                f" {self._num_classes} classes: it is no classifier"
            )
        if self._weights is not None:
            load_(model, self._weights, source=f"weights={self._source}", skip=f"{name}.")
        head.reset_parameters()
        if self._zero:
            for parameter in head.parameters():
                nn.init.zeros_(parameter)
        return model


def classifier(model: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """The last nn.Linear, or the last 1 x 1 convolution with a bias (timm's BiT), and its name.

    Raises ValueError where there is neither.
    """
    modules = [*model.named_modules()]
    layers: list[tuple[str, nn.Linear | nn.Conv2d]] = []
    layers += [(name, layer) for name, layer in modules if isinstance(layer, nn.Linear)]
    if not layers:
        convolutions = [(name, layer) for name, layer in modules if isinstance(layer, nn.Conv2d)]
        layers += [
            (name, layer)
            for name, layer in convolutions
            if layer.kernel_size == (1, 1) and layer.bias is not None
        ]
    if not layers:
        raise ValueError("the model has no nn.Linear, and so no classifier to replace")
    return layers[-1]
