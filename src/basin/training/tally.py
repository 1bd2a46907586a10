"""Sums of an epoch, kept on the device and read at log points."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.training.distributed import Ranks

ADVICE = (
    "no checkpoint was written after it."
    " Lower lr, warm it up (schedule=warmup), or use precision=fp32"
)


class NonFinite(RuntimeError):
    """The training loss, or a weight, stopped being a number."""

    per_epoch: float = 1.0
    """Gradient evaluations an epoch of the run until then, which whoever calls `fit` writes."""


class Tally:
    """Training loss and errors since the last reset, and the first step with no finite loss.

    classes: there are errors to count; False where targets are real numbers.
    """

    def __init__(self, device: torch.device, *, classes: bool = True) -> None:
        self._classes, self._ranks = classes, Ranks()
        self._loss = torch.zeros((), device=device)
        self._wrong = torch.zeros((), dtype=torch.int64, device=device)
        self._bad = torch.zeros((), dtype=torch.bool, device=device)
        self._bad_step = torch.zeros((), dtype=torch.int64, device=device)
        self._bad_lr = torch.zeros((), device=device)
        self._bad_t = torch.zeros((), device=device)
        self._examples = 0
        self._at = (0, 0.0, 0.0)  # step, t, lr

    def begin(self, step: int, t: float, lr: float) -> None:
        """Say which step the next losses belong to."""
        self._at = (step, t, lr)

    @torch.no_grad()
    def add(self, losses: Tensor, logits: Tensor, targets: Tensor, *, num: int) -> None:
        """Count the losses (B,), logits (B, K) and targets (B,) or (B, K) of one forward pass.

        num: its examples on all ranks, which have the same sums.
        """
        sums = [losses.detach().sum(dtype=torch.float32)]
        if self._classes:
            labels = targets if targets.ndim == 1 else targets.argmax(1)
            sums.append((logits.detach().argmax(1) != labels).sum(dtype=torch.float32))
        self._ranks.sum_(sums)
        total = sums[0]
        self._loss += total
        if self._classes:
            self._wrong += sums[1].to(torch.int64)
        self._examples += num
        first = ~torch.isfinite(total) & ~self._bad
        step, t, lr = self._at
        self._bad_step.masked_fill_(first, step)
        self._bad_t.masked_fill_(first, t)
        self._bad_lr.masked_fill_(first, lr)
        self._bad |= first

    def read(self) -> dict[str, float]:
        """Mean loss, and error in per cent; waits for the device. Raises NonFinite."""
        if self._bad.item():
            raise NonFinite(
                f"the training loss is not finite since step {int(self._bad_step)}"
                f" (epoch {float(self._bad_t):.3f}, lr={float(self._bad_lr):.4g}); {ADVICE}"
            )
        if not self._examples:
            return {}
        read = {"loss": self._loss.item() / self._examples}
        if self._classes:
            read["error"] = 100 * self._wrong.item() / self._examples
        return read

    def reset(self) -> None:
        """Begin a new epoch."""
        self._loss.zero_()
        self._wrong.zero_()
        self._examples = 0

    def state_dict(self) -> dict[str, Any]:
        """The sums of an unfinished epoch."""
        return {"loss": self._loss, "wrong": self._wrong, "examples": self._examples}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self._loss.copy_(state_dict["loss"])
        self._wrong.copy_(state_dict["wrong"])
        self._examples = state_dict["examples"]
