"""What RMTR knows of its course beside the weights and the pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class Progress:
    """Where the radius, the size of the minibatches and the costs stand."""

    size: int  # of a minibatch
    factor: float = 1.0  # of lr: the radius
    work: float = 0.0  # gradients of the finest level on all examples
    ratio: float | None = None  # r_G of the latest pass

    def describe(self) -> Mapping[str, float]:
        """For the log."""
        told = {
            "work_units": self.work,
            "sample_size": self.size,
            "radius_factor": self.factor,
        }
        return told if self.ratio is None else {**told, "global_ratio": self.ratio}
