"""Vectors of the authors' code: google-research/sam at dae9904, SamsungLabs/ASAM at f156a68 and
ucla-vision/entropy-sgd (Python) at 61329f9, each run once on the net of averaging/trajectory.py."""

import contextlib

import pytest
import torch
from averaging.trajectory import IMAGES, TARGETS, Net
from torch.nn import functional as F

from basin.core.batchnorm import RunningStatistics
from basin.core.clock import Clock
from basin.optimizer.asam import adaptive
from basin.optimizer.clip import Clip
from basin.optimizer.entropy_sgd import EntropySGD
from basin.optimizer.sam import SAM, steepest
from basin.optimizer.sgd import SGD


class Minibatches:
    """A closure; minibatch i is the 8 examples from i % 3 on, `numbers` their order."""

    def __init__(self, net, numbers, images=IMAGES, targets=TARGETS):
        self.model, self._numbers = net, iter(numbers)
        self._all = images, targets
        self.images, self.targets = images, targets
        self._still = RunningStatistics(net).still

    @property
    def size(self):
        return len(self.images)

    def resample(self, size=None, keep=0, stream=0):
        first = next(self._numbers) % 3
        self.images, self.targets = (each[first : first + 8] for each in self._all)

    def chunks(self, size):
        for pair in zip(self.images.split(size), self.targets.split(size), strict=True):
            yield Minibatches(self.model, [], *pair)

    def __call__(self, *, track_stats=True, **switches):
        self.model.zero_grad()
        with contextlib.nullcontext() if track_stats else self._still():
            losses = F.cross_entropy(self.model(self.images), self.targets, reduction="none")
        losses.mean().backward()
        self.losses = losses.detach()
        return losses.mean().detach()


def groups(net):
    return [{"params": [p for p in net.parameters() if p.requires_grad]}]


def sam(net, *, direction=steepest, rho, m=None, nesterov=False, weight_decay, clip=None):
    """`clip`: as the authors of SAM have it, with the decay in the loss."""
    fields = {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "nesterov": nesterov}
    base = SGD(groups(net), **fields, weight_decay=weight_decay, reset_on_drop=False)
    decay = "loss" if clip else "base"
    base = Clip(base=base, kind="norm", limit=clip) if clip else base
    fields = {"rho": rho, "m": m, "ascent_steps": 1, "decay": decay, "sync_ascent": False}
    return SAM(base=base, direction=direction, **fields)


def check(net, optimizer, numbers, expected):
    """Weights after eight steps."""
    closure = Minibatches(net, numbers)
    for _ in range(8):
        closure.resample()
        optimizer.step(closure)
    found = torch.cat([net.a.weight[3], net.bn.bias[:1], net.b.weight[2, :2]]).detach().tolist()
    assert found == pytest.approx(expected, rel=0, abs=1e-10)


REPLICAS = {  # of 8 examples; the gradient is clipped in half of the steps
    1: [
        *(-0.4240322664363378, -0.6982654072733012, -0.33051655287910253),
        *(0.6809507817397566, 0.2874120631388988, 0.18248200098303993),
    ],
    2: [
        *(-0.38449828384101215, -0.6990536285871324, -0.3709022910612232),
        *(0.6810763495211396, 0.27632651659850854, 0.18001173832772466),
    ],
}


@pytest.mark.parametrize("replicas", REPLICAS)
def test_foret_et_al(replicas):
    """Nesterov, L2 term in the loss, clipping after the mean over replicas with climbs apart."""
    net, m = Net(), None if replicas == 1 else 8 // replicas
    optimizer = sam(net, rho=0.1, m=m, nesterov=True, weight_decay=1e-3, clip=0.5)
    check(net, optimizer, range(8), REPLICAS[replicas])
    if replicas == 1:  # the statistics of the first pass are kept
        mean = [0.45094867807787875, 0.6821060700033058, 0.538263184633948, 0.17695988946555707]
        assert net.bn.running_mean.tolist() == pytest.approx(mean, rel=0, abs=1e-10)


def test_the_sam_of_kwon_et_al():
    net = Net()
    expected = [
        *(-0.4328877239729632, -0.6989313824074534, -0.3223807511437441),
        *(0.5459004379593723, 0.1536100209319467, 0.1170798626229042),
    ]
    check(net, sam(net, rho=0.1, weight_decay=5e-4), range(8), expected)


def test_kwon_et_al_without_eta_where_matrices_alone_are_trained():
    net = Net()
    for p in net.parameters():
        p.requires_grad_(p.ndim > 1)
    expected = [
        *(-0.43671909369420386, -0.7001713777486076, -0.3198893261066856),
        *(1.0856589469752391, -0.17709121220711446, -0.02424761950556678),
    ]
    check(net, sam(net, direction=adaptive, rho=0.5, weight_decay=5e-4), range(8), expected)


COUPLING = {  # without Nesterov theirs is in the velocity, by an alias
    ("late", True): [
        *(-0.4351430497937851, -0.6928892652326032, -0.3135962856391281),
        *(0.5452475991681275, 0.14644715980646944, 0.11048852001426995),
    ],
    ("early", False): [
        *(-0.4298268462329991, -0.6945682844290341, -0.3207268450867702),
        *(0.5338520017545467, 0.12368873666639718, 0.10202954627549725),
    ],
}


@pytest.mark.parametrize(("coupling", "nesterov"), COUPLING)
def test_chaudhari_et_al(coupling, nesterov):
    """Each update of theirs draws a minibatch more, the first, and leaves it unused but at the
    start: the outer velocity begins as its gradient."""
    net = Net()
    fields = {"lr": 0.2, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": nesterov}
    fields |= {"outer": "momentum", "steps": 3, "coupling": coupling, "inner_lr": 0.1}
    fields |= {"inner_momentum": 0.9, "inner_weight_decay": 1e-3, "alpha": 0.75, "noise": 0.0}
    fields |= {"gamma": 0.5, "growth": 0.0, "scale_by_gamma": False, "epochs": 1.0}
    optimizer = EntropySGD(groups(net), **fields, clock=Clock(10, 8))
    first = Minibatches(net, [0])
    first.resample()
    first(track_stats=False)
    for p in net.parameters():
        optimizer.state[p]["momentum_buffer"].copy_(p.grad)
    numbers = (i for i in range(32) if i % 4)
    check(net, optimizer, numbers, COUPLING[coupling, nesterov])
