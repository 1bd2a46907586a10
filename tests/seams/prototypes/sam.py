"""SAM with m-chunks (Foret et al. 2021, arXiv:2010.01412, Algorithm 1), p = 2, any base."""

import torch

from basin.core.parameters import group_parameters, norm
from basin.optimizer.wrapper import Derived, Wrapper


class SAM(Wrapper):
    def __init__(self, *, base, rho, m):
        super().__init__(base)
        self.m = m
        for group in self.param_groups:
            group["rho"] = rho

    def step(self, closure):
        return self.base.step(Derived(closure, lambda **kw: self.sharp_gradient(closure, **kw)))

    def sharp_gradient(self, closure, **switches):
        chunks = closure.chunks(self.m) if self.m else [closure]
        parameters, total, loss, losses = group_parameters(self), None, 0.0, []
        for chunk in chunks:
            weight = chunk.size / closure.size
            loss = loss + weight * self.ascend_and_descend(chunk, parameters, switches)
            losses.append(self.unperturbed)
            grads = torch._foreach_mul([p.grad for p in parameters], weight)
            total = grads if total is None else torch._foreach_add(total, grads)
        for p, g in zip(parameters, total, strict=True):
            p.grad = g
        return loss, torch.cat(losses)

    def ascend_and_descend(self, closure, parameters, switches):
        start = [p.detach().clone() for p in parameters]
        loss = closure(**{**switches, "sync": False, "coupled_gates": True})
        self.unperturbed = closure.losses
        with torch.no_grad():
            grads = [p.grad for p in parameters]
            radius = self.param_groups[0]["rho"] / (norm(grads) + 1e-12)
            torch._foreach_add_(parameters, torch._foreach_mul(grads, radius))
        try:
            closure(**{**switches, "track_stats": False})
        finally:
            with torch.no_grad():
                torch._foreach_copy_(parameters, start)
        return loss
