"""A small random problem of several tensors, as a closure in float64."""

import torch


class Random:
    """Least squares through tanh; two groups, one without decay, one parameter without gradient."""

    def __init__(self):
        generator = torch.Generator().manual_seed(3)
        sizes = ((6, 5), (6,), (3, 6), (4,))
        values = [torch.randn(s, generator=generator, dtype=torch.float64) for s in sizes]
        self.inputs, self.targets = (
            torch.randn(9, n, generator=generator, dtype=torch.float64) for n in (5, 3)
        )
        self.parameters = [torch.nn.Parameter(v) for v in values]
        first, bias, second, idle = self.parameters
        self.groups = [
            {"params": [first, second, idle]},
            {"params": [bias], "weight_decay": 0.0, "spared": True},
        ]
        self.losses = torch.empty(0)

    def __call__(self, **switches):
        first, bias, second, _ = self.parameters
        hidden = torch.tanh(self.inputs @ first.T + bias)
        losses = (hidden @ second.T - self.targets).square().mean(1)
        for p in self.parameters:
            p.grad = None
        losses.mean().backward()
        self.losses = losses.detach()
        return losses.mean().detach()
