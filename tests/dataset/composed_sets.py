"""A data set as the command line makes it: its option composed, then built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from basin.experiment import build
from basin.experiment.schema import check_fields, register
from basin.experiment.settings import run_settings

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def built(option: str, *overrides: str) -> Any:
    """`dataset=<option>` with overrides of its fields, not yet loaded."""
    register()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("config", [f"dataset={option}", *(f"dataset.{o}" for o in overrides)])
    check_fields(cfg)
    return build.dataset(run_settings(cfg), 0)
