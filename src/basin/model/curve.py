"""Curves of networks between two end points (Garipov et al. 2018, arXiv:1802.10026, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.batchnorm import reestimate_
from basin.core.parameters import Predicting
from basin.core.protocols import Batches
from basin.core.sampled import Sampled
from basin.core.solutions import load_, read_weights, solution_file
from basin.model.points import Skeleton, tree
from basin.model.polynomials import SHAPES


class Curve(Sampled, Predicting):
    """phi(t) = sum_j c_j(t) P_j over t in [0, 1], as one network on the weights phi(t).

    base: factory of the network; P_0, ..., P_{bends + 1} are of its shape, in no second class.
    shape: bezier, c_j = C(n, j) t^j (1-t)^(n-j), or polychain, c_j = max(0, 1 - |n t - j|);
    n = bends + 1 (the authors' num_bends counts the ends too, and is bends + 2).
    start, end: RUN or RUN/SOLUTION in `runs` (null: results), frozen; null: a new network, trained.
    Bends begin on the line between the ends.
    weight_decay: the loss of a minibatch, drawn at one t ~ U(0, 1), has weight_decay / 2 |phi(t)|^2
    beside the objective, BN and biases included (the authors' curves.l2_regularizer).
    report: t of the points that every evaluation scores, with BN re-estimated on a copy.
    Outside a minibatch the curve is its middle, t = 1/2, with running statistics of all t.
    Differs: floating-point buffers that are no BN statistics (a frozen head) are interpolated too.
    """

    t: Tensor  # 0-d

    def __init__(
        self,
        base: Callable[..., nn.Module],
        num_classes: int,
        in_channels: int,
        results: str | None,
        *,
        shape: str,
        bends: int,
        start: str | None,
        end: str | None,
        runs: str | None,
        weight_decay: float,
        report: Sequence[float],
    ) -> None:
        super().__init__()
        _check(base, shape, bends, report)
        if start is not None and end is not None and (start == end or bends == 0):
            what = "to itself is a point" if start == end else "with bends=0 has nothing to train"
            raise ValueError(f"start={start}, end={end}: a curve from a network {what}")
        ends = [base(num_classes=num_classes, in_channels=in_channels) for _ in range(2)]
        for network, place, name in zip(ends, (start, end), ("start", "end"), strict=True):
            if place is not None:
                file = _file(name, place, runs or results or "")
                load_(network, read_weights(file), source=f"{name}={file}")
        self._shape = SHAPES[shape]
        self._weight_decay, self._report = weight_decay, [float(t) for t in report]
        first, last = (Skeleton.tensors(network) for network in ends)
        points = [first]
        for j in range(1, bends + 1):
            alpha = j / (bends + 1)
            points.append({k: alpha * last[k].detach() + (1 - alpha) * first[k] for k in first})
        self.skeleton = Skeleton(ends[0])
        frozen = [start is not None, *[False] * bends, end is not None]
        self.points = nn.ModuleList(
            tree(point, self.skeleton.trainable if not fixed else ())
            for point, fixed in zip([*points, last], frozen, strict=True)
        )
        self.register_buffer("t", torch.tensor(0.5), persistent=False)

    @property
    def network(self) -> nn.Module:
        """The base network's structure and BN statistics; its weights are in the points."""
        return self.skeleton.network

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) at the present t."""
        return self.skeleton(self._weights(self.t), images)

    def sample_(self, u: float) -> None:
        """Be the network at t = u."""
        self.t.fill_(u)

    def settle_(self) -> None:
        """Be the network at t = 1/2."""
        self.t.fill_(0.5)

    def penalty(self) -> Tensor:
        """weight_decay / 2 |phi(t)|^2 over all parameters at the present t."""
        weights = self._weights(self.t)[: len(self.skeleton.trainable)]
        squares = [norm.square() for norm in torch._foreach_norm(weights)]
        return 0.5 * self._weight_decay * torch.stack(squares).sum()

    @torch.no_grad()
    def at(self, t: float) -> nn.Module:
        """A copy of the base network with the weights phi(t), and the running statistics."""
        return self.skeleton.filled(self._weights(torch.full_like(self.t, t)))

    @torch.no_grad()
    def point(self, index: int) -> nn.Module:
        """A copy of the base network with the weights P_index."""
        return self.skeleton.filled(self._tensors()[index])

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """The points to report, `t0.5` and so on, with BN statistics of their own."""
        for t in self._report:
            yield f"t{t:g}", reestimate_(self.at(t), batches(True, None))

    def _tensors(self) -> list[list[Tensor]]:
        """Of each point, every tensor in the skeleton's order."""
        named = [{**dict(p.named_parameters()), **dict(p.named_buffers())} for p in self.points]
        return [[point[name] for name in self.skeleton.names] for point in named]

    def _weights(self, t: Tensor) -> list[Tensor]:
        """phi(t), in the skeleton's order."""
        points, coefficients = self._tensors(), self._shape(t, len(self.points))
        total = torch._foreach_mul(points[0], coefficients[0])
        for point, coefficient in zip(points[1:], coefficients[1:], strict=True):
            total = torch._foreach_add(total, torch._foreach_mul(point, coefficient))
        return list(total)


def _check(base: Any, shape: str, bends: int, report: Sequence[float]) -> None:
    if not callable(base):
        raise ValueError(f"base={base} is not a network; choose one by model@model.base={base}")
    if shape not in SHAPES:
        raise ValueError(f"shape={shape!r} is not one of {', '.join(SHAPES)}")
    if bends < 0:
        raise ValueError(f"bends={bends} is less than 0; the paper's curves have 1")
    outside = [t for t in report if not 0 <= t <= 1]
    if outside:
        raise ValueError(f"report={list(report)}: {outside[0]} is not in [0, 1]")


def _file(name: str, place: str, runs: str) -> Path:
    """The weights of an end; the name alone counts for a run's identity, not where it lies."""
    if len(Path(place).parts) > 2 or Path(place).is_absolute():
        raise ValueError(
            f"{name}={place} is a path: give RUN or RUN/SOLUTION by the run folder's name, and the"
            f" folder that it lies in as model.runs (now {runs})"
        )
    try:
        return solution_file(Path(runs) / place)
    except ValueError as error:
        raise ValueError(f"{name}={place}: {error}") from None
