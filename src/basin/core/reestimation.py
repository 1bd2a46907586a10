"""How the BN statistics of averaged weights are found: on what images, of how many, how weighed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from torch import nn

from basin.core.batchnorm import reestimate_
from basin.core.protocols import Batches


@dataclass(frozen=True, kw_only=True)
class Reestimation:
    """BN re-estimation of a copy (Izmailov et al. 2018, section 3.2); null is as their code does.

    examples, batches: how many, of one of the two; null is the training set, 0 is none (off).
    plain: on images without augmentation; null is augmented ones, as in training.
    equal_batches: each minibatch counts alike, as in torch.optim.swa_utils.update_bn; null weighs
    by examples, which differs where the last minibatch is smaller.
    """

    examples: int | None
    batches: int | None
    plain: bool | None
    equal_batches: bool | None

    def __post_init__(self) -> None:
        if self.examples is not None and self.batches is not None:
            raise ValueError(
                f"bn.examples={self.examples} and bn.batches={self.batches} are both given; leave"
                " one null"
            )
        for name, value in (("examples", self.examples), ("batches", self.batches)):
            if value is not None and (not isinstance(value, int) or value < 0):
                raise ValueError(f"bn.{name}={value!r} is not a number of 0 or more, or null")
        for name, flag in (("plain", self.plain), ("equal_batches", self.equal_batches)):
            if flag not in (None, True, False):
                raise ValueError(f"bn.{name}={flag!r} is not true, false or null")

    @property
    def off(self) -> bool:
        """Whether the statistics are left as they are."""
        return 0 in (self.examples, self.batches)

    def __call__(self, model: nn.Module, batches: Batches) -> nn.Module:
        """A copy, which is changed, in eval mode."""
        if self.off:
            return model.eval()
        images = batches(not self.plain, self.examples)
        if self.batches is not None:
            images = islice(images, self.batches)
        return reestimate_(model, images, equal_batches=bool(self.equal_batches))
