"""hydra/launcher=slurm: frozen points as one array of SLURM jobs, by submitit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra_plugins.basin_launcher import PointLauncher


class SlurmLauncher(PointLauncher):
    """Every other argument is one of configs/hydra/launcher/slurm.yaml, for sbatch."""

    name = "slurm"

    def __init__(self, *, wait: bool, **options: Any) -> None:
        """Keep what `start` needs."""
        super().__init__(wait=wait, options=options)

    @property
    def ranks(self) -> int:
        """Processes of each run, which srun starts."""
        return int(self._options["nodes"] * self._options["tasks_per_node"])

    def start(self, jobs: Sequence[Any], sweep: Path) -> Iterator[tuple[str, str]]:
        """One array, or several where the cluster's MaxArraySize is smaller."""
        from basin.experiment.slurm import start  # with torch: not for every Hydra program

        options = {k: v for k, v in self._options.items() if k != "poll_seconds"}
        return start(jobs, sweep, options)
