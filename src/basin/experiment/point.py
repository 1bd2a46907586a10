"""One run as a configuration says it: what a sweep freezes, and what a job trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from omegaconf import DictConfig

from basin.experiment.folder import RunFolder
from basin.experiment.identity import identities
from basin.experiment.schema import check_fields
from basin.experiment.settings import Settings, check_words, run_settings
from basin.experiment.staging import check_added_stages, stage_settings


@dataclass(frozen=True)
class Point:
    """Plain values only: nothing of Hydra is left in it."""

    words: list[str]  # the overrides that it was composed from
    groups: dict[str, str]  # the option chosen of each group
    settings: Settings
    stages: dict[str, Settings]

    @cached_property
    def identities(self) -> list[str]:
        """One a stage."""
        return identities(self.stages)

    @property
    def name(self) -> str:
        """Of the run's folder."""
        model, dataset = self.groups["model"], self.groups["dataset"]
        return f"{model}_{dataset}_{self.identities[-1]}-s{self.settings['seed']}"

    @property
    def folder(self) -> RunFolder:
        """Where the run is, or will be."""
        return RunFolder(self.settings["results"], self.name)


def point_of(cfg: DictConfig, words: Sequence[str], groups: Mapping[str, str]) -> Point:
    """Resolve a composed configuration; ValueError where its fields cannot be."""
    check_words(list(words))
    check_fields(cfg)
    check_added_stages(list(words), [str(name) for name in cfg.stages])
    chosen = {name: str(groups[name]) for name in ("model", "dataset")}
    return Point(list(words), chosen, run_settings(cfg), stage_settings(cfg))
