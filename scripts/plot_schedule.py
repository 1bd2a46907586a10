"""A picture of every scheduled field over a run.

    python scripts/plot_schedule.py schedule=sgdr epochs=200 [field=value ...] [--out schedule.png]
    python scripts/plot_schedule.py -m schedule=cosine,sgdr,one_cycle   side by side, as a sweep

Fields are those of train.py, and commas make a sweep with or without -m. No data are read and
nothing is trained, so that a feedback schedule (AutoDrop) is drawn as it begins. Values are those
at the updates, of the first parameter group.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from math import ceil
from pathlib import Path

import torch
from first_stage import CONFIGS, composed
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from basin.core.reader import quietly
from basin.experiment import build
from basin.experiment.check import check
from basin.experiment.errors import explain
from basin.experiment.schema import check_fields
from basin.experiment.settings import run_settings
from basin.experiment.staging import stage_settings
from basin.report.schedules import Scheduled, draw_schedules
from basin.training.scheduling import Scheduling

POINTS = 4000
"""Updates of a run that are drawn, evenly spaced where it has more."""


def sweep(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """(label, command line) of each configuration of a sweep, in the order of its product."""
    fixed, choices = [], []
    for override in OverridesParser.create().parse_overrides(list(words)):
        if override.is_sweep_override():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            fixed.append(str(override.input_line))
    label = (
        " ".join(word for word in fixed if word.lstrip("+").startswith("schedule")) or "schedule"
    )
    return [(" ".join(chosen) or label, [*fixed, *chosen]) for chosen in product(*choices)]


def scheduled(label: str, words: Sequence[str]) -> Scheduled:
    """The fields of one configuration, stage after stage; ValueError for anything wrong with it."""
    cfg = composed(words)
    check_fields(cfg)
    settings, stages = run_settings(cfg), stage_settings(cfg)
    plan = check(settings, stages)
    fields: dict[str, list[tuple[float, float]]] = {}
    begins, start = [], 0.0
    for name, stage in stages.items():
        with torch.device("meta"):
            facts = plan.dataset.facts
            network = build.model(
                settings, num_classes=facts.num_classes, in_channels=facts.shape[0]
            )
            optimizer, _, schedules = build.method(stage, network, plan.clocks[name])
        scheduling = Scheduling(schedules, optimizer)
        total = ceil(plan.clocks[name].steps(plan.epochs[name]))
        points = min(total, max(2, POINTS // len(stages)))
        for update in (i * (total - 1) // max(1, points - 1) for i in range(points)):
            t = plan.clocks[name].epochs(f"{update} steps")
            scheduling.apply(optimizer, t + (start if stage["stage"]["clock"] == "run" else 0.0))
            for field, value in scheduling.fields(optimizer).items():
                fields.setdefault(field, []).append((start + t, value))
        begins.append(start)
        start += plan.epochs[name]
    return Scheduled(label, fields, begins[1:])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("schedule.png"))
    parser.add_argument("-m", "--multirun", action="store_true", help="as for train.py")
    parser.add_argument("fields", nargs="*", help="as for train.py; commas make a sweep")
    chosen = parser.parse_intermixed_args(arguments)
    try:
        runs = [scheduled(label, words) for label, words in sweep(chosen.fields)]
        draw_schedules(runs, chosen.out)
    except (OSError, ValueError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error, str(CONFIGS))}", file=sys.stderr)
        return 1
    print(f"{len(runs)} configuration{'s' * (len(runs) > 1)}: {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(quietly(main))
