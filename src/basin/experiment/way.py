"""The ways in which a step can be executed: rounding apart, they compute the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from basin.experiment import build
from basin.experiment.settings import Settings


@dataclass(frozen=True)
class Way:
    """Memory format of images and weights, and how the network is compiled, if it is."""

    channels_last: bool
    compile: bool | str  # as training.network.compiled has it

    @classmethod
    def configured(cls, settings: Settings) -> Self:
        """What a configuration says: the model's YAML and `runtime.compile`."""
        last = build.channels_last(settings)
        return cls(channels_last=last, compile=settings["runtime"]["compile"])

    def recorded(self, choices: Mapping[str, Any]) -> Way:
        """That of a checkpoint's choices; what an older one does not say stays as it is here."""
        return Way(**{key: choices.get(key, value) for key, value in asdict(self).items()})

    def __str__(self) -> str:
        layout = "channels_last" if self.channels_last else "NCHW"
        if isinstance(self.compile, bool):
            return f"{layout}, {'compiled' if self.compile else 'eager'}"
        return f"{layout}, compiled ({self.compile})"
