"""Options of sharpness.py; its text says what they are."""

from __future__ import annotations

from dataclasses import dataclass, field

MEASURES = ("energy", "sharpness", "hessian", "slices", "noise")

ABOVE_0 = (
    *("draws", "m", "probes", "steps", "top", "directions", "resamples", "ascent"),
    *("rho", "span", "distance", "sigmas", "train", "test", "batch_size"),
)


@dataclass
class Options:
    """See scripts/sharpness.py."""

    run: str | None = None
    rays: list[str] = field(default_factory=list)
    correlate: list[str] = field(default_factory=list)
    measures: list[str] = field(default_factory=lambda: list(MEASURES))
    train: int | None = None
    test: int | None = None
    batch_size: int | None = None
    sigmas: list[float] = field(default_factory=lambda: [0.02, 0.04, 0.06, 0.08, 0.1])
    draws: int = 100
    rho: float = 0.05
    m: int = 32
    ascent: list[int] = field(default_factory=lambda: [1, 2, 3, 5])
    probes: int = 4
    steps: int = 80
    top: int = 10
    span: float = 1.0
    points: int = 21
    distance: float = 30.0
    directions: int = 5
    resamples: int = 1000
    seed: int = 0
    device: str = "auto"
    out: str = "sharpness"
    results: str = "results/runs"


def validated(options: Options) -> None:
    """ValueError for what cannot be."""
    if sum(map(bool, (options.run, options.rays, options.correlate))) != 1:
        raise ValueError("give run=RUN, rays=[A,B] or correlate=[RUNS], one of the three")
    _known(options.measures)
    _enough(options)
    for name in ABOVE_0:
        _all_above(options, name, 0)
    _all_above(options, "points", 1)


def _enough(options: Options) -> None:
    if options.rays and len(options.rays) != 2:
        raise ValueError(f"rays={options.rays}: give 2 solutions")
    if options.correlate and len(options.correlate) < 3:
        raise ValueError(f"correlate={options.correlate}: give 3 or more solutions")


def _known(measures: list[str]) -> None:
    unknown = [name for name in measures if name not in MEASURES]
    if unknown or not measures:
        raise ValueError(f"measures={measures} are not among {', '.join(MEASURES)}")


def _all_above(options: Options, name: str, least: int) -> None:
    value = getattr(options, name)
    if value is None:
        return
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not min(numbers) > least:
        raise ValueError(f"{name}={value} is not above {least}")
