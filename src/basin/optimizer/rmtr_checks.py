"""What RMTR refuses where it is built."""

from __future__ import annotations

from collections.abc import Mapping

from basin.core.clock import Clock
from basin.optimizer.ranges import above_0, at_least_0


def check_numbers(
    numbers: Mapping[str, float | None], *, levels: int, memory: int, bounds: tuple[float, float]
) -> None:
    """Raise ValueError for a number out of range. bounds: smallest and largest factor of lr."""
    smallest, largest = bounds
    gamma = numbers["gamma"]
    at_least_0(**{k: v for k, v in numbers.items() if k != "gamma" and v is not None})
    above_0(gamma=1.0 if gamma is None else gamma, levels=levels, memory=memory)
    above_0(smallest=smallest, largest=largest)
    if not smallest <= 1 <= largest:
        raise ValueError(f"smallest={smallest} and largest={largest} must have 1 between them")


def first_size(batch: int | None, clock: Clock) -> int:
    """Examples of the first V-cycles' minibatches; ValueError where a pass has not so many."""
    if batch is None:
        return min(clock.batch_size, clock.examples)
    above_0(batch=batch)
    if batch < clock.batch_size:
        raise ValueError(
            f"batch={batch} is less than batch_size={clock.batch_size}, which every pass begins"
            " with: lower batch_size, or let batch be null"
        )
    if batch > clock.examples:
        raise ValueError(
            f"batch={batch} is more than the {clock.examples} training images of a pass: take"
            f" {clock.examples}, all of them, or fewer"
        )
    return batch
