"""RMTR: recursive multilevel trust region (Kopaničáková and Krause 2023, arXiv:2107.07572)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.clock import Clock
from basin.core.protocols import Closure, Parameters, StepSkipped
from basin.optimizer.hierarchy import hierarchy
from basin.optimizer.koala import exact
from basin.optimizer.level import Level, Terms
from basin.optimizer.pairs import read
from basin.optimizer.ranges import above_0, at_least_0
from basin.optimizer.ranks import mean_over_ranks
from basin.optimizer.sweep import SampleSize, minibatches, minibatches_of_all
from basin.optimizer.trust_region import Rule, Visit
from basin.optimizer.v_cycle import VCycle

FORWARD = 1 / 3
"""Cost of a forward pass alone, in gradients."""


@dataclass
class Progress:
    """Where RMTR stands beside the weights and the pairs."""

    size: int  # of a minibatch
    factor: float = 1.0  # of lr: the radius
    work: float = 0.0  # gradients of the finest level on all examples
    ratio: float | None = None  # r_G of the latest pass


class RMTR(torch.optim.Optimizer):
    """A step is a pass over the data: a V-cycle on each minibatch, then the test of its size.

    V-cycle on a level with weights w, objective h: `pre` trust-region steps with SR1; from Pi w the
    coarser level minimises h_c = L_c + (R grad h - grad L_c(Pi w)) . w_c within the radius over
    |I|; its step s_c is tried as I s_c, with the coarse decrease as what is predicted; `post`
    steps. The coarsest of several levels takes `coarsest` steps. All evaluations of a cycle are of
    one augmented minibatch, with batch statistics in BN; the running ones move in the first.
    After the pass r_G = decrease on all examples / sum of the cycles' decreases; where it is below
    zeta the minibatches grow, up to all examples, and SR1 begins anew. levels = 1 is a single-level
    trust region of pre + post steps.

    lr: first radius, field of the groups; the radius is lr times a factor that persists from
    cycle to cycle within `smallest` and `largest`.
    weight_decay: Tikhonov term of every level's objective, w^2 weight_decay / 2.
    batch: first size; None: the run's. zeta None: the size stays. gamma, memory: basin.optimizer.
    pairs; one memory a level. work_units: gradients of the finest level on all examples.
    Differs: nothing of the paper's text but its abstract was at hand; constants are usual ones.
    """

    def __init__(
        self,
        params: Parameters,
        model: nn.Module,
        clock: Clock,
        *,
        lr: float,
        weight_decay: float,
        levels: int,
        pre: int,
        post: int,
        coarsest: int,
        weighted: bool,
        memory: int,
        gamma: float | None,
        rule: Rule,
        smallest: float,
        largest: float,
        batch: int | None,
        sample: SampleSize,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        above_0(levels=levels, memory=memory, smallest=smallest, largest=largest)
        above_0(gamma=1.0 if gamma is None else gamma, batch=1 if batch is None else batch)
        if not smallest <= 1 <= largest:
            raise ValueError(f"smallest={smallest} and largest={largest} must have 1 between them")
        if batch is not None and batch < clock.batch_size:
            raise ValueError(
                f"batch={batch} is less than batch_size={clock.batch_size}, which every pass begins"
                " with: lower batch_size, or let batch be null"
            )
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self._finest, self._ways = hierarchy(
            model, levels, memory=memory, gamma=gamma, weighted=weighted
        )
        self._cycle, self._sample = VCycle(pre, post, coarsest, rule), sample
        self._bounds, self._examples = (smallest, largest), clock.examples
        self._progress = Progress(min(batch or clock.batch_size, clock.examples))

    @torch.no_grad()
    def step(self, closure: Closure) -> Tensor:  # type: ignore[override]
        """A pass; returns the loss at the weights before it, on its first minibatch."""
        now, start = replace(self._progress), self._finest.weights
        pairs = [level.pairs.state_dict() for level in self._levels]
        batches = minibatches(closure, now.size, self._sample.overlap, self._examples)
        losses, gained = [], 0.0
        try:
            for _ in batches:
                loss, decrease = self._minibatch(closure)
                losses.append(loss)
                gained += decrease
        except StepSkipped:
            self._finest.write_(start)
            self._progress = now
            for level, before in zip(self._levels, pairs, strict=True):
                level.pairs.load_state_dict(before, start)
            for _ in batches:  # the next update begins with the next pass
                pass
            raise
        self._resize(closure, start, gained)
        return losses[0]

    def _minibatch(self, closure: Closure) -> tuple[Tensor, float]:
        """A V-cycle; the loss before it and the decrease of the objective."""
        progress, lr = self._progress, float(self.param_groups[0]["lr"])
        terms = Terms(self._finest.decay(self._decays))
        value = self._finest.value(closure, terms, track=True)
        radius, rule = lr * progress.factor, self._cycle.rule
        visit = Visit(self._finest, closure, terms, rule, value=value, radius=radius)
        self._cycle(visit, self._ways)
        progress.work += closure.size / self._examples * visit.cost
        if lr:
            smallest, largest = self._bounds
            progress.factor = min(max(visit.radius / lr, smallest), largest)
        return mean_over_ranks(value.losses).to(value.gradient), visit.decrease

    def _resize(self, closure: Closure, start: Tensor, gained: float) -> None:
        """Measure r_G, where something depends on it, and let the minibatches grow by it."""
        progress = self._progress
        if self._sample.zeta is None or progress.size == self._examples or gained <= 0:
            return
        end = self._finest.weights
        total = Terms(self._finest.decay(self._decays)).decrease(start, end - start)
        for share in minibatches_of_all(closure, progress.size, self._examples):
            losses = self._losses(closure, start)
            total = total + share * mean_over_ranks(losses - self._losses(closure, end))
        progress.ratio = read(total) / gained
        progress.work += 2 * FORWARD
        size = self._sample.after(progress.size, progress.ratio, self._examples)
        if size > progress.size:
            progress.size = size
            for level in self._levels:
                level.pairs.clear()

    def _losses(self, closure: Closure, weights: Tensor) -> Tensor:
        """Of the closure's examples (B,); the weights are left so."""
        self._finest.write_(weights)
        closure(track_stats=False, backward=False)
        return closure.losses.to(exact(weights))

    @property
    def _levels(self) -> list[Level]:
        return [self._finest, *(way.level for way in self._ways)]

    @property
    def _decays(self) -> dict[Tensor, float]:
        return {p: float(g["weight_decay"]) for g in self.param_groups for p in g["params"]}

    def describe(self) -> Mapping[str, float]:
        """What was spent and where it stands, for the log."""
        now = self._progress
        ratio = {} if now.ratio is None else {"global_ratio": now.ratio}
        return {"work_units": now.work, "sample_size": now.size, "radius_factor": now.factor, **ratio}

    def state_dict(self) -> dict[str, Any]:
        """torch's, and the pairs of all levels, radius, size and costs."""
        pairs = [level.pairs.state_dict() for level in self._levels]
        return {**super().state_dict(), "pairs": pairs, "progress": asdict(self._progress)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        own = ("pairs", "progress")
        super().load_state_dict({k: v for k, v in state_dict.items() if k not in own})
        self._progress = Progress(**state_dict["progress"])
        for level, pairs in zip(self._levels, state_dict["pairs"], strict=True):
            level.pairs.load_state_dict(pairs, self._finest.weights)
