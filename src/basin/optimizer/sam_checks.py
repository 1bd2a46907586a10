"""What SAM refuses where it is built."""

from __future__ import annotations

from typing import Any

from basin.core.group import rank_and_size
from basin.core.protocols import Optimizer
from basin.optimizer.ranges import at_least_1, one_of
from basin.optimizer.wrapper import refuse_measuring, refuse_replicas

DECAYS = ("base", "loss")
NO_L2 = {
    "normalised_weight_decay": "normalised",
    "decoupled_weight_decay": "decoupled",  # torch's field, and of the optimizers here
    "decoupled_decay": "decoupled",  # timm's
    "filtered_weight_decay": "one of KOALA's filter",
}
"""Fields of param groups that say that their weight decay is no L2 term."""


def check_base(base: Optimizer, decay: str) -> None:
    """Raise ValueError where the gradient would not reach the base, or a field is taken."""
    one_of(DECAYS, decay=decay)
    refuse_replicas(base, "sam")
    refuse_measuring(base, "sam")
    for group in base.param_groups:
        if "loss_decay" in group:
            raise ValueError("sam around sam: both have rho and loss_decay in the groups; take one")
        if decay == "loss" and "weight_decay" not in group:
            raise ValueError("decay=loss: the base has no weight_decay to move")
        if decay == "loss" and "inner_weight_decay" in group:
            raise ValueError("decay=loss: the base has inner_weight_decay beside; take decay=base")
        if decay == "loss" and group["weight_decay"]:
            _check_l2(group)


def _check_l2(group: dict[str, Any]) -> None:
    """Raise ValueError where the group's weight decay is another thing than an L2 term."""
    for field, kind in NO_L2.items():
        if group.get(field):
            raise ValueError(
                f"decay=loss: the base's weight_decay={group['weight_decay']} is {kind}, and as an"
                " L2 term of the loss the same number would be another strength and method; take"
                " decay=base"
            )


def check_counts(m: int | None, ascent_steps: int, batch_size: int | None) -> None:
    """Raise ValueError for a count below 1, and where m does not divide a rank's minibatch."""
    at_least_1(m=m, ascent_steps=ascent_steps)
    if m is None or batch_size is None:
        return
    _, ranks = rank_and_size()
    share = batch_size // ranks
    if m > share or share % m:
        each = f" of each of {ranks} processes" if ranks > 1 else ""
        raise ValueError(
            f"m={m} does not divide the {share} examples of a minibatch{each}; take a divisor, or"
            " null: one perturbation of the whole minibatch"
        )
