"""The command line: Hydra composes, a run follows, errors become one message and an exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from basin.experiment.errors import explain
from basin.experiment.group import ToldByRank0
from basin.experiment.job import Stopped
from basin.experiment.run import run
from basin.experiment.schema import register
from basin.launch.place import place


def run_command(configs: Path, *, full_error: bool) -> int:
    """Run what sys.argv says; 0 when it is done, 128 + signal when it was stopped, else 1."""
    register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands errors on instead of printing them
    try:
        failures: list[Exception] = []
        _refuse_several_sweeps()
        task(configs, failures)()
        if failures:
            raise failures[0]
    except Stopped as stopped:
        return stopped.code
    except KeyboardInterrupt:
        return 130
    except ToldByRank0:
        return 1
    except Exception as error:
        if full_error:
            raise
        where = f" on rank {place().rank}" if place().rank else ""
        print(f"error{where}: {explain(error, str(configs))}", file=sys.stderr)
        return 1
    finally:
        if not full_error:
            del os.environ["HYDRA_FULL_ERROR"]
    return 0


def task(configs: Path, failures: list[Exception]) -> Any:
    """The Hydra application; a single run's error goes to `failures`, a sweep's to its launcher."""

    @hydra.main(version_base="1.3", config_path=str(configs), config_name="config")
    def train(cfg: DictConfig) -> float:
        try:
            return run(cfg)
        except Exception as error:
            if HydraConfig.get().mode != RunMode.RUN:
                raise
            failures.append(error)
            return float("nan")

    return train


def _refuse_several_sweeps() -> None:
    if place().size > 1 and {"-m", "--multirun"} & set(sys.argv[1:]):
        raise ValueError(
            "-m under torchrun or srun would start the sweep once in each of its processes; give"
            " one point, or start the sweep without torchrun and let hydra/launcher=slurm"
            " hydra.launcher.tasks_per_node=... start several processes for each point"
        )
