"""What SAM refuses where it is built."""

from __future__ import annotations

from basin.core.protocols import Optimizer
from basin.optimizer.ranks import number_of_ranks
from basin.optimizer.wrapper import refuse_replicas

DECAYS = ("base", "loss")


def check_base(base: Optimizer, decay: str) -> None:
    """Raise ValueError where the gradient would not reach the base, or a field is taken."""
    if decay not in DECAYS:
        raise ValueError(f"decay={decay!r} is not one of {', '.join(DECAYS)}")
    refuse_replicas(base, "sam")
    for group in base.param_groups:
        if "loss_decay" in group:
            raise ValueError("sam around sam: both have rho and loss_decay in the groups; take one")
        if decay == "loss" and "weight_decay" not in group:
            raise ValueError("decay=loss: the base has no weight_decay to move")
        if decay == "loss" and "inner_weight_decay" in group:
            raise ValueError("decay=loss: the base has inner_weight_decay beside; take decay=base")


def check_counts(m: int | None, ascent_steps: int, batch_size: int | None) -> None:
    """Raise ValueError for a count below 1, and where m does not divide a rank's minibatch."""
    for name, count in (("m", m), ("ascent_steps", ascent_steps)):
        if count is not None and count < 1:
            raise ValueError(f"{name}={count} is less than 1")
    if m is None or batch_size is None:
        return
    ranks = number_of_ranks()
    share = batch_size // ranks
    if m > share or share % m:
        each = f" of each of {ranks} processes" if ranks > 1 else ""
        raise ValueError(
            f"m={m} does not divide the {share} examples of a minibatch{each}; take a divisor, or"
            " null: one perturbation of the whole minibatch"
        )
