"""`python train.py --help`: groups and their options, from the first line of each YAML file."""

from __future__ import annotations

from pathlib import Path

GROUPS = (
    *("model", "dataset", "augment", "objective", "optimizer", "schedule", "averaging"),
    *("stages", "runtime", "logger", "experiment", "debug"),
)

HEAD = """\
basin trains image classifiers: one loop, configured from the command line.

usage: python train.py [group=option ...] [field=value ...]

examples:
  python train.py experiment=quickstart                     handwritten digits, two minutes on a CPU
  python train.py model=wrn_16_4 dataset=cifar10 epochs=30  a wide ResNet on CIFAR-10
  python train.py -m seed=0,1,2 lr=0.05,0.1                 a sweep: every combination
  python train.py model=resnet20 precision=bf16 runtime.compile=true device=cuda
  python train.py model=resnet20 --cfg job                  print the configuration, train nothing

The same command continues a run that was stopped and prints the result of a finished one.
"""
TAIL = """
More: --cfg job (the whole configuration), --info (how it is composed), --hydra-help,
--resolve, --multirun (-m), --config-dir; docs/configuration.md explains groups and fields."""


def text(configs: Path) -> str:
    """The whole help text."""
    lines = [
        HEAD,
        "groups (group=option; averaging, augment, logger take lists: logger=[console,wandb]):",
    ]
    for group in GROUPS:
        lines.append(f"\n  {group}")
        there = options(configs / group)
        width = max((len(name) for name in there), default=0)
        lines += [f"    {name:<{width}}  {describe(path)}" for name, path in there.items()]
    lines.append("\nfields (field=value), with their defaults:\n")
    lines += fields(configs / "config.yaml")
    return "\n".join([*lines, TAIL])


def options(group: Path) -> dict[str, Path]:
    """YAML files of a group by their names as options, which have the folders that they are in."""
    files = sorted(group.rglob("*.yaml"))
    return {path.relative_to(group).with_suffix("").as_posix(): path for path in files}


def describe(path: Path) -> str:
    """The first comment of a YAML file that is not Hydra's `# @package`."""
    comments = [line for line in path.read_text().splitlines() if line.startswith("# ")]
    return next((line[2:] for line in comments if not line.startswith("# @")), "")


def fields(path: Path) -> list[str]:
    """Run-level fields as config.yaml has them, with their comments."""
    lines, shown = [], False
    for line in path.read_text().splitlines():
        if line.startswith("# fields"):
            shown = True
        elif line.startswith("# end of fields"):
            break
        elif shown and line.strip():
            lines.append(f"  {line}")
    return lines
