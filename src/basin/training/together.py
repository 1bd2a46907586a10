"""The passes of several runs as one: what a member asks, and what is answered (runtime.members)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor, nn

from basin.core.random import generator_state, seed_generators, set_generator_state
from basin.training.passes import Done, Pass, alone
from basin.training.ranges import part
from basin.training.stacked import Stacked
from basin.training.turns import Turns

Asked = tuple[int, Pass]
"""A member's number and its pass."""
Answer = tuple[Done, Tensor]
"""What the pass gives, and the state of the generator after it."""


class Together:
    """Passes of members that wait: those of one shape are computed as one."""

    def __init__(self) -> None:
        self._stacked: Stacked | None = None  # of the latest members
        self.joint = 0  # passes of several members that were computed as one

    def __call__(self, asked: Sequence[Asked]) -> list[Answer]:
        """Answers in order; the gradients are in each member's own `p.grad`."""
        kinds: dict[Hashable, dict[int, Pass]] = {}
        for member, one in sorted(asked, key=lambda question: question[0]):
            kinds.setdefault(_kind(one), {})[member] = one
        answers: dict[int, Answer] = {}
        for passes in kinds.values():
            answers |= zip(passes, self._alike([*passes.values()]), strict=True)
        return [answers[member] for member, _ in asked]

    def _alike(self, passes: Sequence[Pass]) -> list[Answer]:
        first = passes[0]
        device = first.piece.images.device
        if len(passes) == 1:
            done = alone(first.network.model, compile=False)(first)
            return [(done, generator_state(device))]
        stacked = self._of([one.network.model for one in passes])
        self.joint += 1
        stacked.take_()
        stacked.noise.seed([one.seed for one in passes], device)
        with part("forward"):
            with first.execution.precision.autocast():
                images = [one.piece.images for one in passes]
                logits = stacked(images, track_stats=first.track_stats)  # (M, B, K)
            pairs = zip(passes, logits, strict=True)
            losses = [one.objective(own, one.piece.targets) for one, own in pairs]
            factors = [one.factor or 0.0 for one in passes]
            sums = [k * loss.sum() for k, loss in zip(factors, losses, strict=True)]
        with part("backward"):
            torch.stack(sums).sum().backward()
            stacked.give_back_()
        results = [(own, loss.detach()) for own, loss in zip(logits.detach(), losses, strict=True)]
        return list(zip(results, stacked.noise.states, strict=True))

    def _of(self, models: list[nn.Module]) -> Stacked:
        if self._stacked is None or self._stacked.models != models:
            self._stacked = Stacked(models)
        return self._stacked


def _kind(one: Pass) -> Hashable:
    images = one.piece.images
    return images.shape, images.stride(), images.dtype, one.track_stats


class Member:
    """passes.Compute of one member: its plain passes wait for those of the others."""

    def __init__(self, number: int, turns: Turns[Asked, Answer]) -> None:
        self._number, self._turns = number, turns

    def __call__(self, one: Pass) -> Done:
        """See Compute."""
        if not (one.own and one.whole and one.factor is not None):
            return alone(one.network.model, compile=False)(one)
        done, state = self._turns.meet((self._number, one))
        device = one.piece.images.device
        seed_generators(one.seed, device)
        set_generator_state(device, state)
        return done
