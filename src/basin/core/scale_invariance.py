"""Weights whose common factor does not change a network's function."""

from __future__ import annotations

from torch import Tensor, nn


class ScaleInvariant(nn.Module):
    """Marks a network whose convolutions all together may be multiplied by any factor above 0.

    That is so where every path from a convolution to the output goes through BN (its eps apart).
    """


def scale_invariant(model: nn.Module) -> list[Tensor]:
    """The trained weights of a marked network's convolutions; of any other network none."""
    if not isinstance(model, ScaleInvariant):
        return []
    convolutions = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    return [m.weight for m in convolutions if m.weight.requires_grad]
