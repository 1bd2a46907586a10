"""hydra/launcher=slurm: frozen points as one array of SLURM jobs, by submitit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from hydra_plugins.basin_launcher import PointLauncher


class SlurmLauncher(PointLauncher):
    """Every other argument is one of configs/hydra/launcher/slurm.yaml, for sbatch."""

    name = "slurm"

    def __init__(self, *, wait: bool, poll_seconds: float, **options: Any) -> None:
        """Keep what `start` needs."""
        super().__init__(wait=wait, poll_seconds=poll_seconds)
        self._options = {
            key: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for key, value in options.items()
        }

        self.ranks = int(options["nodes"]) * int(options["tasks_per_node"])

    def start(self, jobs: Sequence[Any], sweep: Path) -> Iterator[tuple[str, str]]:
        """One array, or several where the cluster's MaxArraySize is smaller."""
        from basin.experiment.slurm import start  # with torch: not for every Hydra program

        return start(jobs, sweep, self._options)
