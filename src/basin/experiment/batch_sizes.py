"""What cannot be where the stages of a run have several batch sizes."""

from __future__ import annotations

from typing import Any

from basin.core.clock import DURATION
from basin.experiment.settings import Settings


def check_batch_sizes(stages: dict[str, Settings]) -> None:
    """Raise ValueError where something is counted in updates, or measured, of one size alone."""
    sizes = [settings["batch_size"] for settings in stages.values()]
    if len({*sizes}) == 1:
        return
    different = ", ".join(f"{name} has {size}" for name, size in zip(stages, sizes, strict=True))
    if any(settings["runtime"]["autotune"] for settings in stages.values()):
        raise ValueError(
            f"runtime.autotune=true measures steps of one batch size ({different}); set"
            " runtime.compile and model.channels_last instead"
        )
    for name, settings in stages.items():
        own = settings["stage"]
        if own["clock"] != "run":
            continue
        for length in _durations([own["horizon"], settings["schedule"]]):
            if "step" in length.lower():
                raise ValueError(
                    f"stages.{name}.clock=run with a schedule of {length!r}: an update is another"
                    f" part of an epoch in each stage ({different}); give epochs"
                )


def _durations(settings: Any) -> list[str]:
    """Every string in a nest that is a length of time."""
    if isinstance(settings, dict):
        return [length for value in settings.values() for length in _durations(value)]
    if isinstance(settings, list):
        return [length for value in settings for length in _durations(value)]
    return [settings] if isinstance(settings, str) and DURATION.fullmatch(settings) else []
