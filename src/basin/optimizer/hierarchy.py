"""The levels of RMTR below a network, and what goes between them."""

from __future__ import annotations

from torch import Tensor, nn

from basin.core.hierarchy import Coarsenable
from basin.optimizer.level import Level
from basin.optimizer.pairs import Pairs


class Below:
    """The way from one level to the next coarser one, of which it is the finer."""

    def __init__(
        self, finer: Level, network: Coarsenable, coarser: Level, *, weighted: bool
    ) -> None:
        self.level, self.norm = coarser, network.prolongation_norm
        self._finer, self._network, self._weighted = finer, network, weighted

    def projected(self, weights: Tensor) -> Tensor:
        """Pi: weights (P,) of the finer level on the coarser one."""
        named = self._finer.named(weights)
        return self.level.vector(self._network.projected(named, weighted=self._weighted))

    def restricted(self, gradient: Tensor) -> Tensor:
        """R = I^T: a gradient (P,) of the finer level on the coarser one."""
        return self.level.vector(self._network.restricted(self._finer.named(gradient)))

    def prolonged(self, step: Tensor) -> Tensor:
        """I: a step (P,) of the coarser level on the finer one."""
        return self._finer.vector(self._network.prolonged(self.level.named(step)))


def hierarchy(
    model: nn.Module, levels: int, *, memory: int, gamma: float | None, weighted: bool
) -> tuple[Level, list[Below]]:
    """The run's own network as a level, and the ways down from it, the first one first.

    Raises ValueError where the network cannot be made coarser so often.
    """
    finest = Level(model, Pairs(memory=memory, gamma=gamma), cost=1.0, live=True)
    ways: list[Below] = []
    fine, network = finest, model
    for depth in range(1, levels):
        if not isinstance(network, Coarsenable):
            raise ValueError(
                f"levels={levels}: a {type(network).__name__} has no coarser levels; take"
                " model=euler_resnet, or levels=1"
            )
        try:
            coarser = network.coarser()
        except ValueError as error:
            raise ValueError(f"levels={levels} are too many: at level {depth}, {error}") from None
        assert isinstance(model, Coarsenable) and isinstance(coarser, Coarsenable)
        cost = coarser.nodes / model.nodes
        level = Level(coarser.train(), Pairs(memory=memory, gamma=gamma), cost=cost, live=False)
        ways.append(Below(fine, network, level, weighted=weighted))
        fine, network = level, coarser
    return finest, ways
