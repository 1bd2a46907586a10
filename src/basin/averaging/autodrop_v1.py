"""AutoDrop of 2021 (Teng et al., arXiv:2111.15317), as coded: the detector, and its average."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.clock import Clock
from basin.core.parameters import angle_degrees
from basin.core.protocols import Batches, Solution, TrainState
from basin.core.schedules import check_positive, check_range


class AutoDropV1:
    """Arms where the angle of epoch displacements stops changing; drops `extra` epochs later.

    x_e: the weights after the first update of epoch e; omega_e: the angle of x_e - x_{e-1} and
    x_{e-1} - x_{e-2}. After the second update of an epoch: |omega_e - omega_{e-1}| < theta arms it;
    armed, the c-th epoch adds c times the weights to a sum. At c = extra: factor *= drop, theta /=
    drop, both bounded, and the sum over extra (extra + 1) / 2 becomes the live weights. Momentum
    and buffers stay, so BN statistics are stale for a while after. schedule=autodrop_v1 drops.
    The angle is read by the host once an epoch, at its second update.
    Differs: a running sum instead of all the snapshots, which rounds otherwise.
    """

    def __init__(  # noqa: PLR0913  (a method is its switches)
        self,
        model: nn.Module,
        clock: Clock,
        *,
        theta: float,
        theta_max: float,
        drop: float,
        floor: float,
        extra: int,
        average: bool,
    ) -> None:
        for name, value in {"theta": theta, "theta_max": theta_max}.items():
            check_range(name, value, 0, 180)
        check_positive("drop", drop)
        check_range("drop", drop, 0, 1)
        check_range("floor", floor, 0, 1)
        if extra < 1:
            raise ValueError(f"extra={extra} is not a number of epochs from 1 up")
        if clock.steps_per_epoch < 2:
            raise ValueError("an epoch has one update, but the detector looks at the second")
        self._theta, self._theta_max, self._drop, self._floor = theta, theta_max, drop, floor
        self._extra, self._average = extra, average
        self._factor, self._count, self._due = 1.0, 0, False
        self._armed = False
        self._angles: list[float] = []  # degrees, of the last two epochs
        self._now, self._epoch, self._updates = 0.0, -1, 0  # t; of the epoch that t is in
        parameters = [p.detach() for p in model.parameters()]
        self._devices = [p.device for p in parameters]
        self._sum = [torch.zeros_like(p) for p in parameters] if average else []
        self._position: list[Tensor] = []  # x_e
        self._displacement: list[Tensor] = []  # x_e - x_{e-1}
        self._angle: list[Tensor] = []  # omega_e, until the host reads it

    @property
    def factor(self) -> float:
        """Product of the drops so far, floor or more."""
        return self._factor

    @property
    def done(self) -> bool:
        """Whether the lowest rate is reached, so that no drop is left."""
        return self._factor <= self._floor

    @torch.no_grad()
    def observe(self, state: TrainState) -> None:
        """Look at the first two updates of an epoch."""
        if state.t < self._now:  # another stage
            self._now, self._epoch = 0.0, -1
        epoch = floor(self._now)
        self._updates = self._updates + 1 if epoch == self._epoch else 1
        self._epoch, self._now = epoch, state.t
        weights = [p.detach() for p in state.model.parameters()]
        if self._updates == 1:
            self._locate(weights)
        elif self._updates == 2 and self._angle:
            self._look(weights)

    def _locate(self, weights: list[Tensor]) -> None:
        new = list(torch._foreach_sub(weights, self._position)) if self._position else []
        if self._displacement:
            self._angle = [angle_degrees(new, self._displacement)]
        self._displacement = new
        self._position = [w.clone() for w in weights]

    def _look(self, weights: list[Tensor]) -> None:
        self._angles = [*self._angles[-1:], self._angle[0].item()]
        if len(self._angles) == 2 and abs(self._angles[1] - self._angles[0]) < self._theta:
            self._armed = True
        if not self._armed:
            return
        self._count += 1
        if self._average:
            torch._foreach_add_(self._sum, weights, alpha=self._count)
        if self._count == self._extra:
            self._theta = min(self._theta_max, self._theta / self._drop)
            self._factor = max(self._floor, self._factor * self._drop)
            self._armed, self._count, self._due = False, 0, self._average

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """None: the average becomes the live weights."""
        yield from ()

    def restart(self, state: TrainState, batches: Batches) -> Solution | None:
        """The weighted average, once after a drop; momentum and buffers stay."""
        if not self._due:
            return None
        average = torch._foreach_div(self._sum, self._extra * (self._extra + 1) / 2)
        torch._foreach_zero_(self._sum)
        self._due = False
        return Solution(average, None, reset_momentum=False)

    _NUMBERS = ("theta", "factor", "count", "due", "armed", "angles", "now", "epoch", "updates")
    _TENSORS = ("sum", "position", "displacement")

    def state_dict(self) -> dict[str, Any]:
        """All that it has seen."""
        state = {name: getattr(self, f"_{name}") for name in self._NUMBERS + self._TENSORS}
        return {**state, "angle": self._angle}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        for name in self._NUMBERS:
            setattr(self, f"_{name}", state_dict[name])
        for name in self._TENSORS:
            pairs = zip(state_dict[name], self._devices, strict=False)
            setattr(self, f"_{name}", [tensor.to(device) for tensor, device in pairs])
        self._angle = [angle.to(self._devices[0]) for angle in state_dict["angle"]]
