"""KOALA-M (Davtyan et al. 2022, arXiv:2107.03331), the released code's update."""

import copy

import torch

from basin.core.protocols import StepSkipped


class KoalaM:
    def __init__(self, params, *, lr, weight_decay, kappa, s, q):
        self.param_groups = [{**g, "lr": lr} for g in params]
        self.weights = [p for g in self.param_groups for p in g["params"]]
        self.wd, self.num = weight_decay, sum(p.numel() for p in self.weights)
        f64 = {"dtype": torch.float64, "device": self.weights[0].device}
        self.F = torch.tensor([[1.0, 1.0], [0.0, kappa]], **f64)
        self.kappa, self.qv = kappa, torch.tensor(q, **f64)
        self.own = {
            "P": torch.eye(2, **f64) * s,
            "R": torch.tensor(1.0, **f64),
            "qw": torch.tensor(q, **f64),
            "velocity": [torch.zeros_like(p) for p in self.weights],
            "mean": [torch.zeros_like(p) for p in self.weights],
        }
        self.state = {
            p: {"velocity": v} for p, v in zip(self.weights, self.own["velocity"], strict=True)
        }

    @torch.no_grad()
    def step(self, closure):
        before = copy.deepcopy(self.own), [p.clone() for p in self.weights]
        self.predict()
        try:
            with torch.enable_grad():
                loss = closure()
        except StepSkipped:
            self.load_own(before[0])
            torch._foreach_copy_(self.weights, before[1])
            raise
        self.update(loss, closure.losses)
        return loss

    def predict(self):
        own = self.own
        away = torch._foreach_norm(torch._foreach_sub(own["mean"], self.weights))
        own["qw"].mul_(0.9).add_(0.1 * torch.linalg.vector_norm(torch.stack(away)) / self.num)
        torch._foreach_add_(self.weights, own["velocity"])
        torch._foreach_mul_(own["velocity"], self.kappa)
        own["P"].copy_(self.F @ own["P"] @ self.F.T + torch.diag(torch.stack([own["qw"], self.qv])))

    def update(self, loss, losses):
        own, lr, worst = self.own, self.param_groups[0]["lr"], torch.zeros_like(self.own["R"])
        own["R"].mul_(0.9).add_(0.1 * losses.double().square().mean())
        for p, v, a in zip(self.weights, own["velocity"], own["mean"], strict=True):
            g = p.grad + self.wd * p
            n = g.square().sum().double()
            S = n * own["P"][0, 0] + own["R"]
            scale = -lr * (loss.double() + 0.5 * self.wd * p.square().sum()) / S
            moves = p.grad.norm() >= 1e-9  # on the device: no host read
            p.add_(torch.where(moves, scale * own["P"][0, 0], 0).to(p.dtype) * g)
            v.add_(torch.where(moves, scale * own["P"][1, 0], 0).to(p.dtype) * g)
            a.copy_(torch.where(moves, 0.9 * a + 0.1 * p, a))
            worst = torch.maximum(worst, torch.where(moves, n / S, 0))
        zero = torch.zeros_like(worst)
        own["P"].sub_(own["P"] @ torch.diag(torch.stack([worst, zero])) @ own["P"].T)

    def state_dict(self):
        return {"own": self.own, "lr": [g["lr"] for g in self.param_groups]}

    def load_state_dict(self, state):
        self.load_own(state["own"])

    def load_own(self, saved):
        for key, value in saved.items():
            pairs = zip(self.own[key], value, strict=True) if isinstance(value, list) else ()
            for mine, theirs in pairs or [(self.own[key], value)]:
                mine.copy_(theirs)
