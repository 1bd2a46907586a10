"""Replicated-SGD (Pittorino et al. 2021, arXiv:2006.07897): replicas drawn to their centre."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.batchnorm import reestimate_
from basin.core.clock import Clock
from basin.core.parameters import Predicting, fused, gradients, norm
from basin.core.protocols import Batches, Closure, Parameters
from basin.optimizer.ranges import at_least_0, below_1

GROWTH = 1e4
"""Of gamma over a whole run whose `growth` is not given."""


class ReplicatedSGD(Predicting):
    """Replica a: SGD with the gradient of its own minibatch and 2 gamma (w^a - centre).

    The live model is the centre, the replicas' mean, buffers included (of integers the mean rounded
    up). lr, gamma: fields of the groups; gamma is multiplied by 1 + growth at every epoch, and
    growth null is ten thousandfold over `epochs`; gamma null is loss / |w^a - centre|^2 (means over
    replicas) at the first step. coupling_every: steps between couplings, each so much stronger.
    independent: replicas begin with their own weights, else all with the model's.
    scale_lr: lr is each replica's; false: lr / replicas, as where their mean loss is minimised.
    decay_times_replicas: weight decay is so many times stronger, as in the authors' code; false is
    its nominal value. Solutions: `replicas`, the mean of their logits, and with `reestimate`
    `centre`, whose BN statistics are taken anew over the augmented training set.
    Differs: another replica's first weights are the model's shuffled within each tensor, which has
    the distribution of a fresh draw; gamma is measured on a minibatch, not on the training set.
    """

    def __init__(
        self,
        params: Parameters,
        model: nn.Module,
        clock: Clock,
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        replicas: int,
        gamma: float | None,
        growth: float | None,
        coupling_every: int,
        independent: bool,
        scale_lr: bool,
        decay_times_replicas: bool,
        reestimate: bool,
        epochs: float,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay, gamma=gamma or 0.0, growth=growth or 0.0)
        below_1(momentum=momentum)
        at_least_0(epochs=epochs)
        for name, count in (("replicas", replicas), ("coupling_every", coupling_every)):
            if count < 1:
                raise ValueError(f"{name}={count} is less than 1")
        self._growth = GROWTH ** (1 / max(epochs, 1.0)) - 1 if growth is None else growth
        self._every, self._clock, self._reestimate = coupling_every, clock, reestimate
        self._rate = 1.0 if scale_lr else 1 / replicas
        self._live, self._t, self._measures = model, 0, gamma is None
        fields = {"lr": lr, "gamma": 1.0 if gamma is None else gamma}
        self.param_groups: Parameters = [{**fields, **group} for group in params]
        self.replicas = [copy.deepcopy(model) for _ in range(replicas)]
        if independent:
            for replica in self.replicas[1:]:
                shuffle_(replica)
        strength = weight_decay * (replicas if decay_times_replicas else 1)
        self._optimizers = []
        for replica in self.replicas:
            own = dict(zip(model.parameters(), replica.parameters(), strict=True))
            groups = [{**g, "params": [own[p] for p in g["params"]]} for g in params]
            self._optimizers.append(
                torch.optim.SGD(
                    groups,
                    lr=lr,
                    momentum=momentum,
                    weight_decay=strength,
                    nesterov=nesterov,
                    fused=fused(groups),
                )
            )
        first = next(model.parameters())
        self._measured = first.detach().new_tensor(0.0 if gamma is None else 1.0)
        self._write_centre()

    @property
    def state(self) -> dict[Any, dict[str, Any]]:
        """Of all replicas' parameters: their momenta."""
        return {p: s for optimizer in self._optimizers for p, s in optimizer.state.items()}

    def step(self, closure: Closure) -> Tensor:
        """One update of every replica; returns the mean of their losses."""
        losses = []
        for stream, replica in enumerate(
            self.replicas
        ):  # no weight moves before all have gradients
            if stream:
                closure.resample(stream=stream)
            losses.append(closure.evaluate(replica))
        loss = torch.stack(losses).mean()
        with torch.no_grad():
            if self._measures and self._t == 0:
                self._measured.copy_(self._every * loss / self._squared_distance())
            if self._t % self._every == 0:
                self._couple()
            for optimizer in self._optimizers:
                for group, own in zip(self.param_groups, optimizer.param_groups, strict=True):
                    own["lr"] = group["lr"] * self._rate
                optimizer.step()
            self._write_centre()
        self._t += 1
        return loss

    def _couple(self) -> None:
        """Add 2 gamma (w^a - centre) to every replica's gradient."""
        grown = 2 * (1 + self._growth) ** (self._t // self._clock.steps_per_epoch)
        for optimizer in self._optimizers:
            for group, own in zip(self.param_groups, optimizer.param_groups, strict=True):
                pairs = zip(own["params"], group["params"], strict=True)
                moving = [(p.detach(), c.detach()) for p, c in pairs if p.grad is not None]
                if moving:
                    mine, centre = (list(column) for column in zip(*moving, strict=True))
                    away = list(torch._foreach_sub(mine, centre))
                    torch._foreach_mul_(away, self._measured * (grown * group["gamma"]))
                    torch._foreach_add_(gradients(own["params"]), away)

    def _squared_distance(self) -> Tensor:
        """Mean over replicas of |w^a - centre|^2."""
        centre = [p.detach() for p in self._live.parameters()]
        squares = [
            norm(list(torch._foreach_sub([p.detach() for p in r.parameters()], centre))).square()
            for r in self.replicas
        ]
        return torch.stack(squares).mean()

    @torch.no_grad()
    def _write_centre(self) -> None:
        """The mean of the replicas into the live model."""
        live = [*self._live.parameters(), *self._live.buffers()]
        columns = zip(*([*r.parameters(), *r.buffers()] for r in self.replicas), strict=True)
        for centre, ours in zip(live, columns, strict=True):
            mean = torch.stack([o.detach() for o in ours])
            if centre.is_floating_point():
                centre.copy_(mean.mean(0))
            else:
                centre.copy_(-(-mean.sum(0) // len(ours)))

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """See the class."""
        yield "replicas", MeanLogits(self.replicas)
        if self._reestimate:
            yield "centre", reestimate_(copy.deepcopy(self._live), batches(True, None))

    def state_dict(self) -> dict[str, Any]:
        """Replicas, their momenta, the groups' fields, steps so far, and what was measured."""
        return {
            "replicas": [r.state_dict() for r in self.replicas],
            "optimizers": [o.state_dict() for o in self._optimizers],
            "fields": [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups],
            "t": self._t,
            "measured": self._measured,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        for replica, saved in zip(self.replicas, state_dict["replicas"], strict=True):
            replica.load_state_dict(saved)
        for optimizer, saved in zip(self._optimizers, state_dict["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for group, saved in zip(self.param_groups, state_dict["fields"], strict=True):
            group.update(saved)
        self._t = state_dict["t"]
        self._measured.copy_(state_dict["measured"])


@torch.no_grad()
def shuffle_(model: nn.Module) -> None:
    """Permute the numbers of each parameter: another draw, where they were drawn independently."""
    for p in model.parameters():
        order = torch.randperm(p.numel(), device="cpu").to(p.device)
        p.copy_(p.flatten()[order].view(p.shape))


class MeanLogits(nn.Module):
    """The mean of several models' logits."""

    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.passes = len(models)  # forward passes of one prediction

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([model(images) for model in self.models]).mean(0)  # (B, K)
