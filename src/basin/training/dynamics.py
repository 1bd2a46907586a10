"""How an epoch's first two updates move the weights: norms, ratios and their angle."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from basin.core.parameters import dot, gradients, norm
from basin.training.effective import Effective


class Dynamics:
    """Weight norm, gradient norm, update-to-weight ratio and cosine of consecutive updates.

    All are of the first two updates of an epoch, so that a copy of the weights lives for two steps
    of each epoch only: w0, w1, w2 are the iterates; |w1|, the gradient norm at the second update,
    |w2 - w1| / |w1| and the cosine of (w1 - w0, w2 - w1). An epoch of one update has no cosine.
    Of a scale-invariant network, `Effective` has values of all updates.
    """

    def __init__(self, model: nn.Module, *, per_tensor: bool) -> None:
        self._names = [n for n, p in model.named_parameters() if p.requires_grad]
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._per_tensor = per_tensor
        self._before: list[Tensor] = []
        self._update: list[Tensor] = []
        self._values: dict[str, Tensor] = {}
        self._updates = 0
        self._effective = Effective(model)

    @torch.no_grad()
    def before(self, lr: float) -> None:
        """Look at the weights before an update of this rate."""
        self._effective.before(lr)
        if self._updates < 2:
            self._before = [p.detach().clone() for p in self._parameters]

    @torch.no_grad()
    def after(self) -> None:
        """Look at the weights after an update."""
        self._effective.after()
        self._updates += 1
        if self._updates > 2:
            return
        update = torch._foreach_sub([p.detach() for p in self._parameters], self._before)
        self._values = self._measure(update)
        if self._updates == 2:
            between = norm(self._update) * norm(update)
            self._values["update_cosine"] = dot(self._update, update) / between
            if self._per_tensor:
                self._cosines(update)
        self._update = list(update) if self._updates == 1 else []
        self._before = []

    def _measure(self, update: Any) -> dict[str, Tensor]:
        weight, change = torch._foreach_norm(self._before), torch._foreach_norm(update)
        total = torch.linalg.vector_norm(torch.stack(weight))
        values = {
            "weight_norm": total,
            "update_to_weight": torch.linalg.vector_norm(torch.stack(change)) / total,
        }
        present = gradients(self._parameters)
        if present:
            values["gradient_norm"] = norm(present)
        if self._per_tensor:
            for name, p, w, u in zip(self._names, self._parameters, weight, change, strict=True):
                values[f"weight_norm/{name}"] = w
                values[f"update_to_weight/{name}"] = u / w
                if p.grad is not None:
                    values[f"gradient_norm/{name}"] = torch.linalg.vector_norm(p.grad)
        return values

    def _cosines(self, update: Any) -> None:
        for name, a, b in zip(self._names, self._update, update, strict=True):
            cosine = torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0)
            self._values[f"update_cosine/{name}"] = cosine

    def read(self) -> dict[str, float]:
        """The values, in one wait for the device, and begin a new epoch."""
        values = (
            torch.stack([v.float() for v in self._values.values()]).tolist() if self._values else []
        )
        line = dict(zip(self._values, values, strict=True))
        self._values, self._update, self._updates = {}, [], 0
        return line | self._effective.read()

    def state_dict(self) -> dict[str, Any]:
        """What the rest of an unfinished epoch needs."""
        return {
            "values": self._values,
            "update": self._update,
            "updates": self._updates,
            "effective": self._effective.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        device = self._parameters[0].device
        self._values = {k: v.to(device) for k, v in state_dict["values"].items()}
        self._update = [u.to(device) for u in state_dict["update"]]
        self._updates = state_dict["updates"]
        self._effective.load_state_dict(state_dict["effective"])
