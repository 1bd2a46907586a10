from math import sqrt

import pytest
import torch
from toy_problems import Drifting, LeastSquares, close, trajectory

from basin.optimizer.adapnm import AdaPNM
from basin.optimizer.pnm import PNM
from basin.optimizer.sgd import SGD


def pnm(problem, *, betas=(0.9, 1.0), weight_decay=5e-4, decoupled=True, lr=0.1):
    fields = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "decoupled": decoupled}
    return PNM(problem.groups, **fields)


def adapnm(problem, *, weight_decay=0.5, amsgrad=True, decoupled=True):
    fields = {"lr": 0.01, "betas": (0.9, 0.999, 1.0), "eps": 1e-8, "weight_decay": weight_decay}
    return AdaPNM(problem.groups, **fields, amsgrad=amsgrad, decoupled=decoupled)


GOLDEN = {  # of the authors' code after 1, 2, 3 and 6 updates (12-pnm, section 1)
    "pnm": [
        [0.9812564717, -1.9795070600, 0.4821311775],
        [0.9704797628, -1.9693857444, 0.4729427836],
        [0.9437360047, -1.9427455901, 0.4488851324],
        [0.8584850773, -1.8690450031, 0.3800702746],
    ],
    "pnm coupled": [
        [0.9812979746, -1.9795900659, 0.4821519290],
        [0.9705655336, -1.9695586967, 0.4729849637],
        [0.9438582341, -1.9429938044, 0.4489444669],
        [0.8587077366, -1.8695122728, 0.3801723153],
    ],
    "adapnm": [
        [0.9780058835, -1.9730058835, 0.4805058835],
        [0.9681872725, -1.9587446536, 0.4735613072],
        [0.9550308906, -1.9407308357, 0.4628850449],
        [0.9243215600, -1.8965567369, 0.4402000712],
    ],
}
MAKE = {"pnm": pnm, "pnm coupled": lambda p: pnm(p, decoupled=False), "adapnm": adapnm}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(name):
    problem = Drifting()
    found = trajectory(problem, MAKE[name](problem), 6)
    for step, expected in zip((1, 2, 3, 6), GOLDEN[name], strict=True):
        assert close(found[step - 1], expected), step


def test_a_negative_weight_makes_it_heavy_ball():
    beta1 = 0.9
    beta0 = -beta1 / (1 + beta1)
    left, right = LeastSquares(), LeastSquares()
    plain = SGD(
        right.groups,
        lr=0.3 * (1 - beta1) / sqrt((1 + beta0) ** 2 + beta0**2),
        momentum=beta1,
        dampening=0.0,
        nesterov=False,
        weight_decay=0.0,
        reset_on_drop=False,
    )
    ours = pnm(left, betas=(beta1, beta0), weight_decay=0.0, lr=0.3)
    for a, b in zip(trajectory(left, ours, 30), trajectory(right, plain, 30), strict=True):
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-12, atol=1e-13)


def test_without_negative_momentum_odd_and_even_steps_have_their_own():
    problem = Drifting()
    found = trajectory(problem, pnm(problem, betas=(0.9, 0.0), weight_decay=0.0), 7)
    w, momenta = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), [0.0, 0.0]
    for t in range(1, 8):
        g = Drifting.SCALE * w + torch.tensor([0.1 * t, -0.2, 0.05 * t], dtype=torch.float64)
        momenta[t % 2] = 0.81 * momenta[t % 2] + 0.19 * g
        w = w - 0.1 * momenta[t % 2]
        assert close(found[t - 1], w.tolist())


@pytest.mark.parametrize(("amsgrad", "decoupled"), [(True, False), (False, True)])
def test_adapnm_is_the_written_formula(amsgrad, decoupled):
    problem = Drifting()
    found = trajectory(problem, adapnm(problem, amsgrad=amsgrad, decoupled=decoupled), 5)
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    buffers, v, largest = [0.0, 0.0], torch.zeros(3), torch.zeros(3)
    for t in range(1, 6):
        g = Drifting.SCALE * w + torch.tensor([0.1 * t, -0.2, 0.05 * t], dtype=torch.float64)
        if decoupled:
            w = w * (1 - 0.01 * 0.5)
        else:
            g = g + 0.5 * w
        buffers[t % 2] = 0.81 * buffers[t % 2] + 0.19 * g
        v = 0.999 * v + 0.001 * g**2
        largest = torch.maximum(largest, v)
        root = ((largest if amsgrad else v) / (1 - 0.999**t)).sqrt() + 1e-8
        momentum = (2 * buffers[t % 2] - buffers[1 - t % 2]) / sqrt(5)
        w = w - 0.01 / (1 - 0.9**t) * momentum / root
        assert close(found[t - 1], w.tolist())
