"""PSWA (Guo, Jin and Liu 2022, arXiv:2201.00519): the average written back every P epochs."""

import copy

import torch

from basin.core.batchnorm import reestimate_
from basin.core.protocols import Solution


class PSWA:
    def __init__(self, model, *, start, period):
        self.start, self.period, self.num, self.last, self.due = start, period, 0, 0.0, False
        self.average = copy.deepcopy(model)

    @torch.no_grad()
    def observe(self, state):
        epoch = int(state.t)
        if epoch > self.start and epoch > int(self.last):
            self.num += 1
            for a, p in zip(self.average.parameters(), state.model.parameters(), strict=True):
                a.mul_(1 - 1 / self.num).add_(p, alpha=1 / self.num)
            self.due = (epoch - self.start) % self.period == 0
        self.last = state.t

    def predictors(self, batches):
        if self.num:
            yield "pswa", reestimate_(copy.deepcopy(self.average), batches(True, None))

    def restart(self, state, batches):
        if not self.due:
            return None
        refreshed = reestimate_(copy.deepcopy(self.average), batches(True, None))
        self.due, self.num = False, 0
        return Solution([*refreshed.parameters()], [*refreshed.buffers()], reset_momentum=True)

    def state_dict(self):
        numbers = {"num": self.num, "last": self.last, "due": self.due}
        return {**numbers, "average": self.average.state_dict()}

    def load_state_dict(self, state):
        self.num, self.last, self.due = state["num"], state["last"], state["due"]
        self.average.load_state_dict(state["average"])
