"""Flatness of a solution: local energy and the sharpness that SAM bounds, on (model, batches)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from basin.analysis.landscape import Landscape
from basin.analysis.points import Pass
from basin.core.protocols import Objective

KINDS = ("additive", "multiplicative")
Labelled = tuple[Tensor, Tensor]


def local_energy(
    network: nn.Module,
    objective: Objective,
    batches: Pass,
    *,
    kind: str,
    sigmas: Sequence[float],
    draws: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """E[f(w + sigma z)] - f(w), or with sigma z w, z ~ N(0, 1) for each weight (entropic paper).

    Arrays (S,): `loss`, `error` (per cent) and the standard deviations `loss_sd`, `error_sd` over
    the draws, which are the same z at every sigma. Every parameter is perturbed; BN statistics are
    held. Costs a forward pass over the batches for each sigma and draw, and one more.
    ValueError for a kind that is not one of KINDS.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
    landscape = Landscape(network, objective, batches)
    scale = landscape.origin if kind == "multiplicative" else torch.ones_like(landscape.origin)
    rows = np.empty((draws, len(sigmas), 2))
    with landscape.kept():
        here = landscape.score(landscape.origin)
        for draw in range(draws):
            z = landscape.noise(seed, kind, draw) * scale
            for i, sigma in enumerate(sigmas):
                there = landscape.score(landscape.origin + sigma * z)
                rows[draw, i] = there.loss - here.loss, there.error - here.error
    spread = rows.std(0, ddof=1) if draws > 1 else np.full(rows.shape[1:], np.nan)
    mean = rows.mean(0)
    return {
        "loss": mean[:, 0],
        "error": mean[:, 1],
        "loss_sd": spread[:, 0],
        "error_sd": spread[:, 1],
    }


def sharpness(
    network: nn.Module,
    objective: Objective,
    batches: Pass,
    *,
    rho: float,
    m: int | None,
    steps: int,
) -> float:
    """Mean over chunks of m examples of L(w + eps) - L(w), |eps| <= rho (SAM, arXiv:2010.01412).

    eps comes of `steps` of ascent: eps + rho g / |g|, and back into the ball. One step is SAM's.
    m: None takes all examples as one chunk; else batches are cut into m, the last may be smaller
    and weighs less. Costs per example steps + 2 forward and `steps` backward passes.
    Differs: the paper does not say how far a step of several goes; here each goes rho.
    """
    landscape = Landscape(network, objective, batches)
    total, count = 0.0, 0
    with landscape.kept():
        for chunk in chunks(batches, m):
            size = sum(len(images) for images, _ in chunk())
            before = landscape.score(landscape.origin, chunk()).loss
            eps = torch.zeros_like(landscape.origin)
            for _ in range(steps):
                eps = eps + unit(landscape.gradient(landscape.origin + eps, chunk())) * rho
                eps = eps * (rho / torch.linalg.vector_norm(eps).clamp(min=rho))
            total += size * (landscape.score(landscape.origin + eps, chunk()).loss - before)
            count += size
    return total / count


def chunks(batches: Pass, m: int | None) -> Iterator[Pass]:
    """Passes over chunks; ValueError for an m that the first batch has not."""
    if m is None:
        yield batches
        return
    first, _ = next(iter(batches()))
    if m > len(first):
        raise ValueError(f"m={m} is more than the {len(first)} examples of a batch; lower m")
    for images, targets in batches():
        for one in zip(images.split(m), targets.split(m), strict=True):
            yield _single(one)


def unit(vector: Tensor) -> Tensor:
    """v / |v|; 0 where it is 0."""
    return vector / torch.linalg.vector_norm(vector).clamp(min=torch.finfo(vector.dtype).tiny)


def _single(batch: Labelled) -> Pass:
    return lambda: iter([batch])
