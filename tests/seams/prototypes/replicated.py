"""Replicated-SGD (Pittorino et al. 2021, arXiv:2006.07897): y replicas coupled to their centre."""

import copy

import torch


class ReplicatedSGD:
    """The live model is the centre; each replica is a module with its own data order and base."""

    def __init__(self, params, model, *, lr, momentum, replicas, gamma):
        self.param_groups = [{**g, "lr": lr, "gamma": gamma} for g in params]
        self.models = [copy.deepcopy(model) for _ in range(replicas)]
        self.optimizers = [
            torch.optim.SGD(m.parameters(), lr=lr, momentum=momentum, nesterov=True)
            for m in self.models
        ]
        self.state = {}

    def step(self, closure):
        group, count, total = self.param_groups[0], len(self.models), 0.0
        centre = [p.detach().clone() for p in closure.model.parameters()]
        for stream, (model, optimizer) in enumerate(zip(self.models, self.optimizers, strict=True)):
            if stream:
                closure.resample(stream=stream)
            total = total + closure.evaluate(model) / count
            with torch.no_grad():
                for p, c in zip(model.parameters(), centre, strict=True):
                    p.grad.add_(p - c, alpha=2 * group["gamma"])
            optimizer.param_groups[0]["lr"] = group["lr"]
            optimizer.step()
        self.write_centre(closure.model)
        return total

    @torch.no_grad()
    def write_centre(self, live):
        for centre, *ours in zip(
            [*live.parameters(), *live.buffers()],
            *([*m.parameters(), *m.buffers()] for m in self.models),
            strict=True,
        ):
            centre.copy_(
                torch.stack([o.double() for o in ours]).mean(0).ceil()
                if not centre.is_floating_point()
                else torch.stack(ours).mean(0)
            )

    def state_dict(self):
        return {
            "models": [m.state_dict() for m in self.models],
            "optimizers": [o.state_dict() for o in self.optimizers],
        }

    def load_state_dict(self, state):
        for model, optimizer, m, o in zip(
            self.models, self.optimizers, state["models"], state["optimizers"], strict=True
        ):
            model.load_state_dict(m)
            optimizer.load_state_dict(o)
