"""What a network offers that can be trained in levels of depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Coarsenable(Protocol):
    """A network with a coarser one of its kind; tensors go between the two by their names."""

    nodes: int  # of time; a gradient's cost is proportional to them

    def coarser(self) -> nn.Module:
        """The next level, with weights of its own. ValueError where there is none."""
        ...

    def prolonged(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """I: the coarser network's tensors on this one."""
        ...

    def restricted(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """R = I^T: this network's gradients on the coarser one."""
        ...

    def projected(self, tensors: Mapping[str, Tensor], *, weighted: bool) -> dict[str, Tensor]:
        """This network's weights on the coarser one."""
        ...

    @property
    def prolongation_norm(self) -> float:
        """|I|, the greatest factor by which it lengthens a vector."""
        ...
