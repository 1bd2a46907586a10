"""AutoDrop of 2024, a feedback schedule (Wang et al., UAI, PMLR 244:3603, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from statistics import pstdev
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.parameters import angle_degrees
from basin.core.protocols import TrainState
from basin.core.schedules import check_positive, check_range


def smoothed(angles: Sequence[float], width: int) -> float:
    """Mean of a buffer by a Gaussian of each angle's distance from the latest one.

    sigma = min(standard deviation, width / 2). Of equal angles it is that angle.
    """
    sigma = min(pstdev(angles), width / 2)
    if sigma == 0:
        return angles[-1]
    weights = [exp(-((angle - angles[-1]) ** 2) / (2 * sigma**2)) for angle in angles]
    return sum(w * angle for w, angle in zip(weights, angles, strict=True)) / sum(weights)


class AutoDrop2024:
    """factor *= drop, down to floor, where the smoothed angular velocity stops rising.

    y_i: mean of the weights over a window of updates; omega_i: angle of y_i - y_{i-1} and
    y_{i-1} - y_{i-2} (Definition 3.3). A buffer of `width` angles gives C_i, and its oldest goes;
    C_i - C_{i-1} < threshold drops and empties it. The host reads an angle once a window.
    Differs: the kernel's centre (the latest angle), the standard deviation (population), the
    lowest rate, and whether C outlives a drop are not in the text, or not verified.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        window: int,
        width: int,
        threshold: float,
        drop: float,
        floor: float,
        keep_smoothed: bool,
    ) -> None:
        check_positive("drop", drop)
        check_range("drop", drop, 0, 1)
        check_range("floor", floor, 0, 1)
        check_range("threshold", threshold, -180, 180)
        for name, value, least in (("window", window, 1), ("width", width, 2)):
            if value < least:
                raise ValueError(f"{name}={value} is less than {least}")
        self._window, self._width, self._threshold = window, width, threshold
        self._drop, self._floor, self._keep = drop, floor, keep_smoothed
        self._factor, self._count = 1.0, 0
        self._angles: list[float] = []  # B, degrees
        self._smoothed: list[float] = []  # C_{i-1}, where there is one
        parameters = [p.detach() for p in model.parameters()]
        self._devices = [p.device for p in parameters]
        self._sum = [torch.zeros_like(p) for p in parameters]
        self._mean: list[Tensor] = []  # y_i
        self._displacement: list[Tensor] = []  # y_i - y_{i-1}

    def __call__(self, t: float) -> float:
        """Factor now, whatever t is."""
        return self._factor

    @property
    def done(self) -> bool:
        """Whether the lowest rate is reached, so that no drop is left."""
        return self._factor <= self._floor

    @torch.no_grad()
    def observe(self, state: TrainState) -> None:
        """Add the weights to the window; at its end look at the angle."""
        torch._foreach_add_(self._sum, [p.detach() for p in state.model.parameters()])
        self._count += 1
        if self._count < self._window:
            return
        mean = list(torch._foreach_div(self._sum, float(self._window)))
        new = list(torch._foreach_sub(mean, self._mean)) if self._mean else []
        if self._displacement:
            self._look(angle_degrees(new, self._displacement).item())
        self._mean, self._displacement, self._count = mean, new, 0
        torch._foreach_zero_(self._sum)

    def _look(self, angle: float) -> None:
        self._angles.append(angle)
        if len(self._angles) < self._width:
            return
        now = smoothed(self._angles, self._width)
        before, self._smoothed = self._smoothed, [now]
        self._angles = self._angles[1:]
        if before and now - before[0] < self._threshold:
            self._factor = max(self._floor, self._drop * self._factor)
            self._angles = []
            self._smoothed = [now] if self._keep else []

    _NUMBERS = ("factor", "count", "angles", "smoothed")
    _TENSORS = ("sum", "mean", "displacement")

    def state_dict(self) -> dict[str, Any]:
        """All that it has seen."""
        return {name: getattr(self, f"_{name}") for name in self._NUMBERS + self._TENSORS}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        for name in self._NUMBERS:
            setattr(self, f"_{name}", state_dict[name])
        for name in self._TENSORS:
            pairs = zip(state_dict[name], self._devices, strict=False)
            setattr(self, f"_{name}", [tensor.to(device) for tensor, device in pairs])
