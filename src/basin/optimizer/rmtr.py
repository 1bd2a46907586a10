"""RMTR: recursive multilevel trust region (Kopaničáková and Krause 2023, arXiv:2107.07572)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.clock import Clock
from basin.core.measuring import Measuring
from basin.core.protocols import Closure, Parameters, StepSkipped
from basin.optimizer.full_decrease import COST, full_decrease
from basin.optimizer.hierarchy import hierarchy
from basin.optimizer.level import Terms
from basin.optimizer.pairs import read
from basin.optimizer.progress import Progress
from basin.optimizer.ranks import mean_over_ranks
from basin.optimizer.rmtr_checks import check_numbers, first_size
from basin.optimizer.sweep import SampleSize, minibatches
from basin.optimizer.trust_region import Rule, Visit
from basin.optimizer.v_cycle import VCycle


class RMTR(torch.optim.Optimizer, Measuring):
    """A step is a pass over the data: a V-cycle on each minibatch, then the test of its size.

    V-cycle on a level with weights w, objective h: `pre` trust-region steps with SR1; from Pi w the
    coarser level minimises h_c = L_c + (R grad h - grad L_c(Pi w)) . w_c within the radius over
    |I|; its step s_c is tried as I s_c, the coarse decrease being what is predicted; `post` steps.
    The coarsest of several levels takes `coarsest` steps. All evaluations of a cycle are of one
    augmented minibatch, with its statistics in BN; the running ones move in the first.
    After the pass r_G = decrease on all examples / sum of the cycles' decreases; where it is below
    zeta the minibatches grow, up to all examples, and SR1 begins anew.

    lr: first radius; it persists as a multiple of lr from cycle to cycle, in `smallest`..`largest`.
    weight_decay: Tikhonov term of every level's objective, w^2 weight_decay / 2.
    `describe` has the work units of the stage: gradients of the finest level on all examples; a
    coarser one counts by its share of nodes, a forward pass as a third.
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
        numbers = {"lr": lr, "weight_decay": weight_decay, "gamma": gamma}
        check_numbers(numbers, levels=levels, memory=memory, bounds=(smallest, largest))
        self._cycle, self._sample = VCycle(pre, post, coarsest, rule), sample
        self._cycle.check(levels)
        self._progress = Progress(first_size(batch, clock))
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self._finest, self._ways = hierarchy(
            model, levels, memory=memory, gamma=gamma, weighted=weighted
        )
        self._levels = [self._finest, *(way.level for way in self._ways)]
        self._bounds, self._examples = (smallest, largest), clock.examples

    @torch.no_grad()
    def step(self, closure: Closure) -> Tensor:  # type: ignore[override]
        """A pass; returns the loss at the weights before it, on its first minibatch."""
        before, start, size = self._own_state(), self._finest.weights, self._progress.size
        batches = minibatches(closure, size, self._sample.overlap, self._examples)
        losses, gained = [], 0.0
        try:
            for _ in batches:
                loss, decrease = self._minibatch(closure)
                losses.append(loss)
                gained += decrease
        except StepSkipped:
            self._finest.write_(start)
            self._load_own_state(before)
            for _ in batches:  # the next update begins with the next pass
                pass
            raise
        self._resize(closure, start, gained)
        return losses[0]

    def _minibatch(self, closure: Closure) -> tuple[Tensor, float]:
        """A V-cycle; the loss before it and the decrease of the objective."""
        progress, lr = self._progress, float(self.param_groups[0]["lr"])
        terms = Terms(self._finest.decay(self.param_groups))
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
        progress, examples = self._progress, self._examples
        if self._sample.zeta is None or progress.size == examples or gained <= 0:
            return
        step = self._finest.weights - start
        fields = {"size": progress.size, "examples": examples}
        decrease = full_decrease(self._finest, closure, start, **fields)
        decrease = decrease + Terms(self._finest.decay(self.param_groups)).decrease(start, step)
        progress.ratio = read(decrease) / gained
        progress.work += COST
        size = self._sample.after(progress.size, progress.ratio, examples)
        if size > progress.size:
            progress.size = size
            for level in self._levels:
                level.pairs.clear()

    def describe(self) -> Mapping[str, float]:
        """What was spent and where it stands, for the log."""
        return self._progress.describe()

    def _own_state(self) -> dict[str, Any]:
        pairs = [level.pairs.state_dict() for level in self._levels]
        return {"pairs": pairs, "progress": asdict(self._progress)}

    def _load_own_state(self, state: dict[str, Any]) -> None:
        self._progress = Progress(**state["progress"])
        for level, pairs in zip(self._levels, state["pairs"], strict=True):
            level.pairs.load_state_dict(pairs, self._finest.weights)

    def state_dict(self) -> dict[str, Any]:
        """torch's, and the pairs of all levels, radius, size and costs."""
        return {**super().state_dict(), **self._own_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        own = {key: state_dict[key] for key in ("pairs", "progress")}
        super().load_state_dict({k: v for k, v in state_dict.items() if k not in own})
        self._load_own_state(own)
