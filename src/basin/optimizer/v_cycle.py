"""A V-cycle of trust-region steps down and up the levels of RMTR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from basin.optimizer.hierarchy import Below
from basin.optimizer.level import Terms, Value
from basin.optimizer.ranges import at_least_0
from basin.optimizer.trust_region import Rule, Visit


@dataclass(frozen=True)
class VCycle:
    """Trust-region steps on each level: before the coarser one, after it, and on the coarsest."""

    pre: int
    post: int
    coarsest: int
    rule: Rule

    def __post_init__(self) -> None:
        at_least_0(pre=self.pre, post=self.post, coarsest=self.coarsest)

    def check(self, levels: int) -> None:
        """Raise ValueError where no level, of so many, would take a step."""
        if self.pre + self.post + (self.coarsest if levels > 1 else 0) == 0:
            alone = "" if levels > 1 else " (coarsest is of several levels)"
            raise ValueError(
                f"pre={self.pre}, post={self.post} and coarsest={self.coarsest}{alone} are no step"
                f" of any of the levels={levels}: take pre=1"
            )

    def __call__(self, visit: Visit, ways: Sequence[Below]) -> None:
        """From this level down the ways and up again; a level without one takes pre + post."""
        visit.smooth(self.pre)
        if ways and not visit.spent:
            self._correct(visit, ways[0], ways[1:])
        visit.smooth(self.post)

    def _correct(self, visit: Visit, way: Below, further: Sequence[Below]) -> None:
        """Minimise the coarser objective from Pi w, and try the step that it took.

        R grad h takes the place of the gradient there (first-order consistency), and the radius
        over |I| is all the room, so that |I s| is never above the radius.
        """
        coarse, room = way.level, visit.radius / way.norm
        coarse.write_(way.projected(visit.point))
        decay = None if visit.terms.decay is None else way.projected(visit.terms.decay)
        value = coarse.value(visit.closure, Terms(decay))
        gradient = way.restricted(visit.value.gradient)
        terms = Terms(decay, gradient - value.gradient)
        value = Value(value.losses, gradient)
        inside = Visit(coarse, visit.closure, terms, self.rule, value=value, radius=room, room=room)
        if further:
            self(inside, further)
        else:
            inside.smooth(self.coarsest)
        visit.cost += inside.cost
        if inside.decrease > 0:
            visit.attempt(way.prolonged(inside.step), inside.decrease)
