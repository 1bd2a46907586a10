"""AutoDrop 2021 (Teng et al., arXiv:2111.15317v1): one detector; a schedule reads it."""

import torch

from basin.core.parameters import dot, norm
from basin.core.protocols import Solution
from basin.core.schedules import Stateless


class Detector:
    """Averager: watches the angle of epoch displacements; hands back the weighted average."""

    def __init__(self, model, *, theta, theta_max, drop, floor, extra):
        self.theta, self.theta_max, self.drop, self.floor = theta, theta_max, drop, floor
        self.extra, self.factor, self.step_in_epoch, self.last = extra, 1.0, 0, 0.0
        self.armed, self.pushed, self.angles, self.snapshots = False, 0, [], []
        self.weighted = [torch.zeros_like(p) for p in model.parameters()]
        self.due = False

    @torch.no_grad()
    def observe(self, state):
        self.step_in_epoch = self.step_in_epoch + 1 if int(state.t) == int(self.last) else 0
        self.last = state.t
        weights = [p.detach().clone() for p in state.model.parameters()]
        if self.step_in_epoch == 1:
            self.snapshots = [*self.snapshots[-2:], weights]
        elif self.step_in_epoch == 2:
            self.look(weights)

    def look(self, weights):
        if len(self.snapshots) == 3:
            a, b, c = self.snapshots
            s, before = torch._foreach_sub(c, b), torch._foreach_sub(b, a)
            cosine = dot(s, before) / (norm(s) * norm(before) + 1e-8)
            self.angles = [*self.angles[-1:], torch.rad2deg(torch.acos(cosine)).item()]
        if len(self.angles) == 2 and abs(self.angles[1] - self.angles[0]) < self.theta:
            self.armed = True
        if self.armed:
            self.pushed += 1
            torch._foreach_add_(self.weighted, weights, alpha=self.pushed)
            if self.pushed == self.extra:
                self.theta = min(self.theta_max, self.theta / self.drop)
                self.factor = max(self.floor, self.factor * self.drop)
                self.armed, self.due = False, True

    def predictors(self, batches):
        yield from ()

    def restart(self, state, batches):
        if not self.due:
            return None
        total = self.pushed * (self.pushed + 1) / 2
        average = torch._foreach_div(self.weighted, total)
        torch._foreach_zero_(self.weighted)
        self.due, self.pushed = False, 0
        return Solution(average, None, reset_momentum=False)

    KEYS = ("theta", "factor", "step_in_epoch", "last", "armed", "pushed", "angles") + (
        "snapshots",
        "weighted",
        "due",
    )

    def state_dict(self):
        return {key: getattr(self, key) for key in self.KEYS}

    def load_state_dict(self, state):
        for key in self.KEYS:
            setattr(self, key, state[key])


class Follow(Stateless):
    """The schedule's half: the factor that the averager of that name has reached."""

    def __init__(self, averagers, *, averager):
        self.detector = averagers[averager]

    def __call__(self, t):
        return self.detector.factor
