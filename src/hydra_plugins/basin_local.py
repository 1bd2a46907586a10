"""hydra/launcher=local: frozen points as processes of this machine, a few on each device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from hydra_plugins.basin_launcher import PointLauncher


class LocalLauncher(PointLauncher):
    """Its arguments are those of configs/hydra/launcher/local.yaml."""

    name = "local"
    members = True

    def __init__(
        self, *, devices: Sequence[Any] | None, runs_per_device: int, progress_seconds: float
    ) -> None:
        """Keep what the pool is made of."""
        pool = {"devices": devices, "runs_per_device": runs_per_device}
        super().__init__(wait=True, options={**pool, "progress_seconds": progress_seconds})
        self._jobs: list[tuple[Any, Path]] = []  # of the latest launch

    def start(self, jobs: Sequence[Any], sweep: Path) -> Iterator[tuple[str, str]]:
        """Put payloads into the pool that `launch_points` works off."""
        for job in jobs:
            log = sweep / "jobs" / f"{Path(job.folder).name}.log"
            self._jobs.append((job, log))
            yield "", str(log)

    def launch_points(self, points: Sequence[Any], sweep: Path) -> list[JobReturn]:
        """Run points (basin.experiment.point.Point), each once, until all have ended."""
        from basin.experiment.local import Local  # with torch: not for every Hydra program

        self._jobs, options = [], self._options
        devices = options["devices"] and [str(device) for device in options["devices"]]
        pool = Local(
            devices, options["runs_per_device"], progress_seconds=options["progress_seconds"]
        )
        return pool.run(points, sweep, self.start, self._jobs)
