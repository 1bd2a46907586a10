"""runtime.autotune=true: the way in which a run's step is fastest, measured once and recorded.

The two memory formats are timed, eager; then, where the run is long enough that compiling could
earn its own time back, the compiled ways in the faster of the two. Compiling leaves the kernels of
convolutions to the libraries, whose speed is what the memory format decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from basin.experiment.devices import device_name
from basin.experiment.job import Job, tell
from basin.experiment.trials import Timed, race
from basin.experiment.tuning_cache import keep, key_of, read
from basin.experiment.way import Way
from basin.training.network import GRAPHS

LEAST_UPDATES = 200
"""Of a run that measures: timing both formats takes some ten steps, 5 % of these."""
MARGIN = 0.03
"""Of the expected time that another way must save: less is noise between two measurements."""


@dataclass(frozen=True)
class Hope:
    """What compiling may bring on a device before it is measured: when it is tried at all."""

    ways: tuple[bool | str, ...]
    share: float  # of the step's time that it may save
    seconds: float  # that it may take, here and in the run itself


HOPES = {
    "cpu": Hope((True,), share=0.18, seconds=2 * 60),  # measured: docs/performance.md
    "cuda": Hope((True, GRAPHS), share=0.5, seconds=4 * 60),  # unverified
}


def tuned(job: Job, content: Mapping[str, Any] | None) -> Job:
    """The job with the way that is fastest for it; as it is without `runtime.autotune`.

    content: its checkpoint. A run that goes on, on a device of the same model, keeps its way.
    """
    if not job.settings["runtime"]["autotune"]:
        return job
    if content is not None and content["choices"]["device"] == device_name(job.device):
        return replace(job, way=job.way.recorded(content["choices"]), tuning=content.get("tuning"))
    updates = job.plan.clock.steps(job.epochs)
    key = key_of(job)
    timed, source = read(key), "cache"
    if not _complete(timed, job, updates):
        if updates < LEAST_UPDATES:
            tell(f"runtime.autotune: {updates:g} updates are too few to measure; {job.way}")
            return job
        timed, source = _measured(job, updates), "measured"
        keep(key, timed)
    shapes = 1 if job.plan.clock.examples % job.plan.clock.batch_size == 0 else 2
    way = best(timed, updates, shapes=shapes, configured=job.way)
    tell(f"runtime.autotune ({source}): {way}, {1000 * timed[way].step:.3g} ms a step")
    ways = {str(other): asdict(one) for other, one in timed.items()}
    return replace(job, way=way, tuning={"way": str(way), "source": source, "seconds": ways})


def best(timed: Mapping[Way, Timed], updates: float, *, shapes: int, configured: Way) -> Way:
    """The way of the least expected time; the configured one unless another saves MARGIN of it.

    shapes: of minibatches, each of which is compiled.
    """

    def total(way: Way) -> float:
        return shapes * timed[way].start + updates * timed[way].step

    first = min(timed, key=total)
    if configured in timed and total(first) > (1 - MARGIN) * total(configured):
        return configured
    return first


def worth_compiling(seconds: float, kind: str) -> bool:
    """Whether a run of so many seconds, eager, could earn back what compiling takes."""
    return kind in HOPES and seconds * HOPES[kind].share > HOPES[kind].seconds


def _measured(job: Job, updates: float) -> dict[Way, Timed]:
    timed = race(job, _layouts(job))
    first = _fastest(timed)
    if worth_compiling(updates * timed[first].step, job.device.type):
        compiled = [replace(first, compile=how) for how in HOPES[job.device.type].ways]
        timed |= race(job, [first, *compiled])
    return timed


def _complete(timed: Mapping[Way, Timed], job: Job, updates: float) -> bool:
    """Whether a measurement has all that this run asks for."""
    eager = {way: one for way, one in timed.items() if way.compile is False}
    if len(eager) < len(_layouts(job)):
        return False
    seconds = updates * eager[_fastest(eager)].step
    return len(timed) > len(eager) or not worth_compiling(seconds, job.device.type)


def _layouts(job: Job) -> list[Way]:
    """Both memory formats, eager, the configured one first."""
    last = job.way.channels_last
    return [Way(one, compile=False) for one in (last, not last)]


def _fastest(timed: Mapping[Way, Timed]) -> Way:
    return min(timed, key=lambda way: timed[way].step)
