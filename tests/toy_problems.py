"""The two toy problems of the golden values, as closures in float64 (papers/README, section 6)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

X = torch.tensor(
    [[1, 2, -1], [0.5, -1, 3], [2, 0, 1], [-1, 1.5, 0.5]], dtype=torch.float64
)  # (4, 3)
Y = torch.tensor([1, -2, 0.5, 3], dtype=torch.float64)


class Problem:
    """A closure over the parameters of a module; the whole problem is every minibatch."""

    def __init__(self, weights: list[list[float]]) -> None:
        self.model = nn.Module()
        for i, values in enumerate(weights):
            parameter = nn.Parameter(torch.tensor(values, dtype=torch.float64))
            self.model.register_parameter(f"w{i + 1}", parameter)
        self.losses = torch.empty(0)
        self.calls: list[dict[str, bool]] = []
        self.resampled = 0

    @property
    def groups(self):
        return [{"params": list(self.model.parameters())}]

    @property
    def size(self) -> int:
        return 4

    def weights(self) -> list[float]:
        return [float(v) for p in self.model.parameters() for v in p.detach()]

    def resample(self, size=None, keep=0, stream=0) -> None:
        self.resampled += 1

    def chunks(self, size: int) -> Iterator[Problem]:
        raise NotImplementedError


class LeastSquares(Problem):
    """0.5 (x . [w1, w2] - y)^2 over the four samples, from w1 = (.3, -.2), w2 = (.7)."""

    def __init__(self, rows: slice = slice(None)) -> None:
        super().__init__([[0.3, -0.2], [0.7]])
        self.rows = rows

    @property
    def size(self) -> int:
        return len(Y[self.rows])

    def __call__(self, *, track_stats=True, backward=True, sync=True, coupled_gates=False):
        return self.evaluate(
            self.model,
            track_stats=track_stats,
            backward=backward,
            sync=sync,
            coupled_gates=coupled_gates,
        )

    def evaluate(self, model, *, backward=True, **switches):
        self.calls.append(switches)
        with torch.set_grad_enabled(backward):
            prediction = X[self.rows] @ torch.cat(list(model.parameters()))
            losses = 0.5 * (prediction - Y[self.rows]) ** 2
            self.losses, loss = losses.detach(), losses.mean()
            if backward:
                model.zero_grad(set_to_none=True)
                loss.backward()
        return loss.detach()

    def chunks(self, size: int) -> Iterator[LeastSquares]:
        for start in range(0, self.size, size):
            chunk = LeastSquares(slice(start, min(start + size, self.size)))
            chunk.model, chunk.calls = self.model, self.calls
            yield chunk


class Drifting(Problem):
    """g_t = diag(1, .5, 2) w + (.1 t, -.2, .05 t), t = 1, 2, ..., from w = (1, -2, .5).

    The gradient is given, not derived: the problem of 10-gadam, section 1.
    """

    SCALE = torch.tensor([1, 0.5, 2], dtype=torch.float64)

    def __init__(self) -> None:
        super().__init__([[1.0, -2.0, 0.5]])
        self.t = 0

    def __call__(self, *, backward=True, **switches):
        self.calls.append(switches)
        self.t += 1
        (w,) = self.model.parameters()
        shift = torch.tensor([0.1 * self.t, -0.2, 0.05 * self.t], dtype=torch.float64)
        w.grad = self.SCALE * w.detach() + shift
        loss = (0.5 * self.SCALE * w.detach() ** 2 + shift * w.detach()).sum()
        self.losses = loss.expand(4)
        return loss


def trajectory(problem: Problem, optimizer, steps: int) -> list[list[float]]:
    """Weights after each of the first updates, in order."""
    states = []
    for _ in range(steps):
        optimizer.step(problem)
        states.append(problem.weights())
    return states


def close(found: list[float], expected: list[float]) -> bool:
    """To 1e-9, or half a unit of the last printed digit where that is more."""
    tensors = [torch.tensor(v, dtype=torch.float64) for v in (found, expected)]
    return bool((tensors[0] - tensors[1]).abs().max() < 1e-9)
