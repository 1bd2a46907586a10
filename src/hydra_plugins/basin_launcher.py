"""What basin's launchers share: a point is frozen, started, and perhaps waited for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


class PointLauncher(Launcher):
    """Launches points that some sweeper has composed, or overrides of any other sweeper."""

    name: str  # option of hydra/launcher
    members = False  # whether it can train several runs in one process

    def __init__(self, *, wait: bool, options: Mapping[str, Any]) -> None:
        """Whether to stay until every point has ended; the options of hydra.launcher."""
        self._wait = wait
        self._options: dict[str, Any] = {
            key: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for key, value in options.items()
        }

    @property
    def ranks(self) -> int:
        """Processes of each run."""
        return 1

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what `launch` composes points with; refuse options that cannot be meant.

        An error of `__init__` would be wrapped by Hydra.
        """
        from basin.experiment.launcher_options import check_options

        check_options(self._options)
        self._context, self._config = hydra_context, config

    @abstractmethod
    def start(self, jobs: Sequence[Any], sweep: Path) -> Iterator[tuple[str, str]]:
        """Start payloads (FrozenJob); yields the job's name and its log, in order."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """The overrides of a sweeper that knows nothing of points."""
        from basin.experiment.composer import Composer
        from basin.experiment.points import prepare
        from basin.experiment.sweep import folder_of, record

        sweeper = self._config.hydra.sweeper._target_
        if not self._wait and sweeper != BASIC:
            raise ValueError(
                f"hydra/launcher={self.name}: {sweeper} reads the results of its points, which do"
                " not wait for it; pass hydra.launcher.wait=true"
            )
        composer = Composer(self._context.config_loader, self._config)
        points = prepare(job_overrides, composer, load=True, ranks=self.ranks, members=self.members)
        folder = folder_of(points, Path(self._config.hydra.sweep.dir))
        record(points, folder, self._config)
        returns = self.launch_points(points, folder)
        by_name = {point.name: one for point, one in zip(points, returns, strict=True)}
        return [by_name[composer(words).name] for words in job_overrides]

    def launch_points(self, points: Sequence[Any], sweep: Path) -> list[JobReturn]:
        """Submit points (basin.experiment.point.Point), each run once."""
        from basin.experiment.job import tell
        from basin.experiment.submit import Launching, submit
        from basin.experiment.sweep import ended, submitted
        from basin.launch.overview import overview
        from basin.launch.table import read_table
        from basin.launch.wait import wait

        launching = Launching(self.name, sweep, lambda jobs: self.start(jobs, sweep))
        states = submit(points, launching)
        print(overview(read_table(sweep).rows, states), flush=True)
        tell(f"sweep folder: {sweep}")
        if not self._wait:
            return [submitted(*pair) for pair in zip(points, states, strict=True)]
        seconds = self._options["poll_seconds"]
        try:
            states = wait([s.folder for s in states], seconds=seconds, notice=tell)
        except KeyboardInterrupt:
            tell(f"the jobs go on without you: python scripts/status.py {sweep}")
            raise
        return [ended(*pair) for pair in zip(points, states, strict=True)]
