"""Replicated-SGD (Pittorino et al. 2021, arXiv:2006.07897): replicas drawn to their centre."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.batchnorm import reestimate_
from basin.core.clock import Clock, Epochs
from basin.core.parameters import Following, Predicting
from basin.core.protocols import Batches, Closure, Parameters
from basin.optimizer.ranges import at_least_0, at_least_1
from basin.optimizer.replicas import MeanLogits, couple_, shuffle_, squared_distance, write_mean_
from basin.optimizer.scoping import Scoping
from basin.optimizer.sgd import SGD


class ReplicatedSGD(Predicting, Following):
    """Replica a: SGD with the gradient of its own minibatch and 2 gamma (w^a - centre).

    The live model is the centre, the replicas' mean, buffers included (integers rounded up). gamma:
    field of the groups; it is multiplied by 1 + growth at every epoch, and growth null is ten
    thousandfold over `epochs` (see `Scoping`); null: loss / |w^a - centre|^2 at the first step.
    coupling_every: steps from the first of every epoch, each coupling so much stronger.
    independent: replicas begin with their own weights, else all with the model's.
    scale_lr: lr is each replica's; false: lr / replicas, as where their mean loss is minimised.
    decay_times_replicas: weight decay is so many times stronger (the authors' code). Solutions:
    `replicas`, their mean logits; with `reestimate` `centre`, its BN statistics taken anew.
    Differs: another replica's first weights are the model's shuffled within each tensor, which has
    the distribution of a fresh draw; gamma is measured on a minibatch, not on the training set.
    """

    counts_updates = True
    """Epochs are told from the updates so far: of one batch size."""

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
        epochs: Epochs,
    ) -> None:
        at_least_0(lr=lr, gamma=gamma or 0.0, growth=growth or 0.0, epochs=epochs)
        at_least_1(replicas=replicas, coupling_every=coupling_every)
        if gamma is None and replicas > 1 and not independent:
            raise ValueError("gamma=null: with independent=false no distance measures it; give one")
        like = next(model.parameters())
        self._scoping = Scoping(gamma=gamma, growth=growth, length=epochs, like=like)
        self._every, self._clock, self._reestimate = coupling_every, clock, reestimate
        self._live, self._t = model, 0
        self._factors = {  # of a replica's field, by the group's
            "lr": 1.0 if scale_lr else 1 / replicas,
            "momentum": 1.0,
            "weight_decay": replicas if decay_times_replicas else 1.0,
        }
        sgd: dict[str, Any] = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        switches: dict[str, Any] = {"nesterov": nesterov, "dampening": 0.0, "reset_on_drop": False}
        fields = {**sgd, "gamma": self._scoping.gamma}
        self.param_groups: Parameters = [{**fields, **group} for group in params]
        self.replicas = [copy.deepcopy(model) for _ in range(replicas)]
        for replica in self.replicas[1:] if independent else []:
            shuffle_(replica)
        self._optimizers = []
        for replica in self.replicas:
            own = dict(zip(model.parameters(), replica.parameters(), strict=True))
            groups = [{**g, "params": [own[p] for p in g["params"]]} for g in params]
            self._optimizers.append(SGD(groups, **sgd, **switches))
        write_mean_(self.replicas, self._live)

    @property
    def state(self) -> dict[Any, dict[str, Any]]:
        """Of all replicas' parameters: their momenta."""
        return {p: s for optimizer in self._optimizers for p, s in optimizer.state.items()}

    def step(self, closure: Closure) -> Tensor:
        """One update of every replica; returns the mean of their losses."""
        losses = []
        for stream, replica in enumerate(self.replicas):  # none moves before all have gradients
            if stream:
                closure.resample(stream=stream)
            losses.append(closure.evaluate(replica))
        loss = torch.stack(losses).mean()
        epoch, turn = divmod(self._t, self._clock.steps_per_epoch)
        with torch.no_grad():
            if len(self.replicas) > 1:
                self._couple(loss, epoch, turn)
            for optimizer in self._optimizers:
                for group, own in zip(self.param_groups, optimizer.param_groups, strict=True):
                    own.update({name: group[name] * by for name, by in self._factors.items()})
                optimizer.step()
            write_mean_(self.replicas, self._live)
        self._t += 1
        return loss

    def _couple(self, loss: Tensor, epoch: int, turn: int) -> None:
        """Add 2 gamma (w^a - centre) to every replica's gradient, where it is the turn for it."""
        if self._scoping.measures and self._t == 0:
            self._scoping.measure_(loss, squared_distance(self.replicas, self._live))
        if turn % self._every:
            return
        for optimizer in self._optimizers:
            for group, own in zip(self.param_groups, optimizer.param_groups, strict=True):
                gamma = self._scoping.strength(group["gamma"], epoch)
                couple_(own["params"], group["params"], 2 * self._every * gamma)

    def follow_(self) -> None:
        """Every replica is the live model, buffers included."""
        for replica in self.replicas:
            replica.load_state_dict(self._live.state_dict())

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """See the class."""
        yield "replicas", MeanLogits(self.replicas)
        if self._reestimate:
            yield "centre", reestimate_(copy.deepcopy(self._live), batches(True, None))

    def state_dict(self) -> dict[str, Any]:
        """Replicas, their momenta, the groups' fields, steps so far, and the scoping's."""
        return {
            "replicas": [r.state_dict() for r in self.replicas],
            "optimizers": [o.state_dict() for o in self._optimizers],
            "fields": [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups],
            "t": self._t,
            **self._scoping.state_dict(),
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
        self._scoping.load_state_dict(state_dict)
