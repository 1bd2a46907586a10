import pytest
import timm.optim
import torch
from toy_problems import LeastSquares, trajectory

from basin.optimizer import timm as ours_of_timm
from basin.optimizer import torch as ours_of_torch

TWO_KERNELS = {"fused": True, "foreach": True}
PLAIN = {"lr": 0.01, "weight_decay": 0.1}


@pytest.mark.parametrize("name", ["NAdam", "RAdam", "RMSprop", "Adagrad", "Adafactor"])
def test_it_is_torchs(name):
    left, right = LeastSquares(), LeastSquares()
    ours = ours_of_torch.by_name(left.groups, name=name, **PLAIN, arguments={})
    theirs = getattr(torch.optim, name)(right.groups, **PLAIN)
    assert trajectory(left, ours, 5) == trajectory(right, theirs, 5)


def test_it_is_timms():
    left, right = LeastSquares(), LeastSquares()
    ours = ours_of_timm.by_name(left.groups, name="lion", **PLAIN, arguments={"betas": [0.8, 0.9]})
    theirs = timm.optim.Lion(right.groups, **PLAIN, betas=(0.8, 0.9))
    assert trajectory(left, ours, 5) == trajectory(right, theirs, 5)


@pytest.mark.parametrize(
    ("library", "fields", "message"),
    [
        (ours_of_torch, {"name": "nadam"}, "did you mean NAdam"),
        (ours_of_torch, {"name": "LBFGS"}, "no optimizer of torch.optim that runs here"),
        (ours_of_torch, {"name": "NAdam", "arguments": {"rho": 1}}, "arguments.rho: NAdam has lr"),
        (ours_of_timm, {"name": "adampp"}, "did you mean adamp"),
        (ours_of_timm, {"name": "adamp", "arguments": {"nope": 1}}, "arguments=.*adamp of timm"),
        (ours_of_timm, {"name": "adamp", "arguments": {"eps": -1}}, "arguments.eps=-1 is not 0 or"),
        (ours_of_timm, {"name": "adamp", "arguments": {"betas": [0.9, 2]}}, "arguments.betas=2 is"),
        (ours_of_timm, {"name": "adamp", "arguments": {"momentum": 0.5}}, "would not see it"),
        (ours_of_timm, {"name": "lion", "arguments": {"eps": 0.5}}, "would not see it"),
        (ours_of_timm, {"name": "lion", "arguments": {"layer_decay": 0.5}}, "would not see it"),
        (ours_of_timm, {"name": "adahessian"}, "needs second derivatives"),
        (ours_of_torch, {"name": "AdamW", "arguments": {"maximize": True}}, "losses are minimised"),
        (
            ours_of_torch,
            {"name": "Adam", "arguments": {"betas": [0.9]}},
            r"=\[0.9\] is nothing like",
        ),
        (
            ours_of_torch,
            {"name": "Adam", "arguments": {"betas": 0.9}},
            r"like its default, \(0.9, ",
        ),
        (ours_of_torch, {"name": "SGD", "arguments": {"momentum": "a"}}, "momentum='a' is nothing"),
        (ours_of_torch, {"name": "SGD", "arguments": {"nesterov": 1}}, "nesterov=1 is nothing"),
        (ours_of_torch, {"name": "Adam", "arguments": {"capturable": True}}, "needs a GPU"),
        (
            ours_of_timm,
            {"name": "adopt", "arguments": {"betas": [0, 0, 0]}},
            "betas=.* nothing like",
        ),
        (ours_of_torch, {"name": "AdamW", "arguments": TWO_KERNELS}, "cannot be .True. together"),
        (ours_of_timm, {"name": "adamp", "lr": -1.0}, "lr=-1.0 is not 0 or more"),
    ],
)
def test_what_it_refuses(library, fields, message):
    with pytest.raises(ValueError, match=message):
        library.by_name(LeastSquares().groups, **{**PLAIN, "arguments": {}, **fields})


def test_an_optimizer_that_needs_a_gpu_is_refused_without(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="name=fusedadam of timm does not run here: CUDA required"):
        ours_of_timm.by_name(LeastSquares().groups, name="fusedadam", **PLAIN, arguments={})


def test_what_the_class_itself_refuses_has_its_name():
    with pytest.raises(ValueError, match="name=Adafactor: arguments={'d': 0}: Clipping threshold"):
        ours_of_torch.by_name(LeastSquares().groups, name="Adafactor", **PLAIN, arguments={"d": 0})
