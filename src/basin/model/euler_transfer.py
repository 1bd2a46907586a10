"""Weights and gradients between depths of a forward-Euler network (Kopaničáková and Krause 2023,
arXiv:2107.07572): linear interpolation in time within each stage; other layers are copied.

Steps k of stage s are the tensors `steps.s.k.*` of a state dictionary. Interpolation I keeps step
2j = j and sets step 2j + 1 to the mean of j and j + 1. Differs: where no step j + 1 is taken (a
network that stops at its last node), step 2j + 1 is step j; the paper's form is not known to us.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

STEP = re.compile(r"steps\.(\d+)\.(\d+)\.(.+)")

Rows = Sequence[Mapping[int, float]]
"""Of each step that comes out: the weights of the steps that go in."""


def interpolation(coarse: int, fine: int) -> Rows:
    """I, from `coarse` steps to 2 coarse - 1, or 2 coarse without a step from the last node."""
    if coarse < 1 or fine not in (2 * coarse - 1, 2 * coarse):
        raise ValueError(
            f"{coarse} steps do not refine to {fine}: take {2 * coarse - 1} or {2 * coarse}"
        )
    rows = []
    for k in range(fine):
        left, right = k // 2, min((k + 1) // 2, coarse - 1)
        rows.append({left: 1.0} if left == right else {left: 0.5, right: 0.5})
    return rows


def transposed(rows: Rows, num: int) -> Rows:
    """The transpose of rows over `num` steps; of I it is the restriction of gradients."""
    result: list[dict[int, float]] = [{} for _ in range(num)]
    for k, row in enumerate(rows):
        for j, weight in row.items():
            result[j][k] = weight
    return result


def projection(coarse: int, fine: int, *, weighted: bool) -> Rows:
    """Weights on the coarse level: step j is 2j, or 1/4, 1/2, 1/4 of 2j and its neighbours.

    End points are 2j alone.
    """
    interpolation(coarse, fine)  # checks the numbers
    return [
        {2 * j - 1: 0.25, 2 * j: 0.5, 2 * j + 1: 0.25}
        if weighted and 0 < 2 * j < fine - 1
        else {2 * j: 1.0}
        for j in range(coarse)
    ]


def norm(rows: Rows, num: int) -> float:
    """Spectral norm of rows over `num` steps."""
    matrix = torch.zeros(len(rows), num, dtype=torch.float64, device="cpu")
    for k, row in enumerate(rows):
        for j, weight in row.items():
            matrix[k, j] = weight
    return float(torch.linalg.matrix_norm(matrix, 2))


@torch.no_grad()
def transfer(tensors: Mapping[str, Tensor], rows: Rows) -> dict[str, Tensor]:
    """Named tensors of a network with the steps of `rows`; some may share memory with the given.

    Tensors without fractions (BN's counts) are those of the first step of the greatest weight.
    """
    stages: dict[tuple[str, str], dict[int, Tensor]] = defaultdict(dict)
    result = {}
    for name, tensor in tensors.items():
        match = STEP.fullmatch(name)
        if match is None:
            result[name] = tensor
        else:
            stages[match[1], match[3]][int(match[2])] = tensor
    for (stage, rest), before in stages.items():
        for k, row in enumerate(rows):
            result[f"steps.{stage}.{k}.{rest}"] = _combined(before, row)
    return result


def _combined(steps: Mapping[int, Tensor], row: Mapping[int, float]) -> Tensor:
    first = max(row, key=lambda j: row[j])
    if len(row) == 1 and row[first] == 1 or not steps[first].is_floating_point():
        return steps[first]
    return torch.stack([weight * steps[j] for j, weight in row.items()]).sum(0)
