"""Hydra's side of a sweep: all points are composed and checked before the first one starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.basin_launcher import PointLauncher


class BasinSweeper(Sweeper):
    """The product of comma-separated overrides, and points from a file; any launcher runs them."""

    def __init__(self, *, points: str | None, params: dict[str, str] | None, load: bool) -> None:
        """What configs/hydra/sweeper/basin.yaml says of each."""
        self._file, self._params, self._load = points, params or {}, load

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher."""
        self.config, self.hydra_context = config, hydra_context
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        """Launch every point; raises what the first of the points that failed had raised."""
        from basin.experiment.composer import Composer  # with torch: not for every Hydra program
        from basin.experiment.points import points_of, prepare
        from basin.experiment.sweep import folder_of, record

        if not isinstance(self.hydra_context, HydraContext) or self.config is None:
            raise RuntimeError("setup() comes before sweep()")
        composer = Composer(self.hydra_context.config_loader, self.config)
        words = [*(f"{key}={value}" for key, value in self._params.items()), *arguments]
        if self._file:
            expanded = points_of(Path(self._file), words, composer)
        else:
            expanded = [*composer.expand(words)]
        ranks, members = 1, False
        if isinstance(self._launcher, PointLauncher):
            ranks, members = self._launcher.ranks, self._launcher.members
        points = prepare(expanded, composer, load=self._load, ranks=ranks, members=members)
        folder = folder_of(points, Path(self.config.hydra.sweep.dir))
        record(points, folder, self.config)
        returns: Sequence[JobReturn]
        if isinstance(self._launcher, PointLauncher):
            returns = self._launcher.launch_points(points, folder)
        else:
            returns = self._launcher.launch([point.words for point in points], 0)
        for one in returns:
            _: Any = one.return_value  # raises where the point failed
        return returns
