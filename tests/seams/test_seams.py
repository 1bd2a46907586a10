"""The awkward methods train and resume bitwise through the loop that names none of them."""

import ast
import inspect

import pytest
import torch
from toy import build, same, sgd, train, train_with_kill, weights

from basin.averaging.autodrop_v1 import AutoDropV1 as Detector
from basin.averaging.pswa import PSWA
from basin.core.clock import Clock
from basin.core.parameters import group_parameters
from basin.optimizer.koala_m import KoalaM
from basin.optimizer.sam import SAM, steepest
from basin.schedule.autodrop_v1 import AutoDropV1 as Follow
from basin.schedule.cosine import Cosine
from basin.training import loop

FILTER = {"sw": 0.1, "sc": 0.0, "sv": 0.1, "qw": 0.01, "qv": 0.01, "adaptive_q": True, "r": None}


def koala(groups):
    return KoalaM(groups, lr=0.5, weight_decay=5e-4, kappa=0.9, **FILTER)


def sam(base, *, rho=0.05, m=None, kind=SAM):
    fields = {"ascent_steps": 1, "decay": "base", "sync_ascent": False}
    return kind(base=base, direction=steepest, rho=rho, m=m, **fields)


def pswa(model):
    bn = {"examples": None, "batches": None, "plain": None, "equal_batches": None}
    fields = {"epochs": 12.0, "start": 1, "period": 1, "restart_every": 2, "stop": 12}
    return PSWA(model, "pswa", **fields, bn=bn)


class Noisy(SAM):
    """Draws from torch's generator before the closure is called, as Langevin methods may."""

    def step(self, closure):
        for p in group_parameters(self):
            p.data.add_(torch.randn_like(p), alpha=1e-3)
        return super().step(closure)


def autodrop(groups, model):
    fields = {"theta": 30.0, "theta_max": 60.0, "drop": 0.2, "floor": 1e-3, "extra": 2}
    detector = Detector(model, Clock(120, 16), **fields, average=True)
    averagers = {"autodrop": detector}
    return sgd(groups), averagers, {"lr": Follow(averagers, averager="autodrop")}


METHODS = {
    "sgd": lambda g, m: (sgd(g), {}, {}),
    "sgd_cosine": lambda g, m: (sgd(g), {}, {"lr": Cosine(epochs=12.0, floor=0.1, per="step")}),
    "sam": lambda g, m: (sam(sgd(g)), {}, {}),
    "sam_m_chunks": lambda g, m: (sam(sgd(g), m=5), {}, {}),
    "noise_before_the_closure": lambda g, m: (sam(sgd(g), kind=Noisy), {}, {}),
    "koala_m": lambda g, m: (koala(g), {}, {}),
    "sam_over_koala_m": lambda g, m: (sam(koala(g), m=8), {}, {}),
    "pswa": lambda g, m: (sgd(g), {"pswa": pswa(m)}, {}),
    "autodrop": autodrop,
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("stop", [3, 8, 24, 27])
def test_resumes_bitwise(name, stop):
    def make():
        return build(METHODS[name], epochs=6.0 if name == "autodrop" else 5.0)

    undisturbed = make()
    train(undisturbed)
    continued = train_with_kill(make, stop)
    assert same(weights(undisturbed), weights(continued))
    assert undisturbed.state.counters == continued.state.counters


@pytest.mark.parametrize("name", METHODS)
def test_trains(name):
    parts = build(METHODS[name], epochs=12.0, dropout=0.1)
    lines = train(parts).sink.lines
    assert lines[-1]["train"]["loss"] < 0.75 * lines[0]["train"]["loss"]


def test_pswa_writes_back_its_average_with_buffers_and_zero_momentum():
    parts = build(METHODS["pswa"], epochs=3.0)
    train(parts)
    averager = parts.state.averagers["pswa"]  # epoch 3 = start 1 + 2; the run ended before it
    assert averager.describe()["restarts"] == 0
    torch.manual_seed(1)
    expected = next(iter(averager.predictors(parts.closure.input.batches)))[1]
    torch.manual_seed(1)
    loop.restart_(parts.state, parts.closure.input.batches)
    assert same(weights(parts), list(expected.state_dict().values()))
    assert averager.describe()["restarts"] == 1 and averager.describe()["iterates"] == 0
    assert not any(v["momentum_buffer"].any() for v in parts.state.optimizer.state.values())


def test_loop_is_short_and_names_no_method():
    source = inspect.getsource(loop)
    assert len(source.splitlines()) <= 75 and len(inspect.getsource(loop.fit).splitlines()) <= 60
    names = {n.id.lower() for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    assert not names & {"sam", "koala", "koalam", "pswa", "autodrop", "replicatedsgd", "sgd", "swa"}
