"""What cannot be where the stages of a run have several batch sizes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import hydra

from basin.core.clock import DURATION
from basin.experiment.settings import Settings
from basin.experiment.targets import targets


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
    for before, settings in pairwise(stages.values()):
        if before["batch_size"] != settings["batch_size"]:
            _check_kept(settings)
    for settings in stages.values():
        if settings["stage"]["clock"] == "run":
            _check_clock(settings, different)


def _check_clock(settings: Settings, different: str) -> None:
    own = settings["stage"]
    of_steps = (text for text in _durations([own["horizon"], settings["schedule"]]))
    found = [repr(text) for text in of_steps if "step" in text.lower()]
    for kind in found + _counting(settings, "schedule"):
        raise ValueError(
            f"stages.{own['name']}.clock=run with a schedule of {kind}: an update is another part"
            f" of an epoch in each stage ({different}); give epochs, or one batch size"
        )


def _check_kept(settings: Settings) -> None:
    name, size = settings["stage"]["name"], settings["batch_size"]
    if settings["stage"]["optimizer_state"] != "keep":
        return
    for kind in _counting(settings, "optimizer"):
        raise ValueError(
            f"stages.{name}.optimizer_state=keep with {kind}, which counts updates: with"
            f" batch_size={size} an epoch has another number of them; take fresh, or one batch size"
        )


def _counting(settings: Settings, group: str) -> list[str]:
    """Where in a group something goes by updates of one batch size (`counts_updates`)."""
    found = targets(settings[group], group)
    return [
        f"{path}={node['_target_']}"
        for path, node in found
        if _counts(hydra.utils.get_object(node["_target_"]), node)
    ]


def _counts(target: Any, node: Settings) -> bool:
    """Whether a target goes by updates; `counts_updates` is a bool, or a function of its values."""
    declared = getattr(target, "counts_updates", False)
    return bool(declared(node) if callable(declared) else declared)


def _durations(settings: Any) -> list[str]:
    """Every string in a nest that is a length of time."""
    if isinstance(settings, dict):
        return [length for value in settings.values() for length in _durations(value)]
    if isinstance(settings, list):
        return [length for value in settings for length in _durations(value)]
    return [settings] if isinstance(settings, str) and DURATION.fullmatch(settings) else []
