"""Measure what basin promises of its speed.

    python scripts/benchmark.py loop [field=value ...]     our loop against a bare one
    python scripts/benchmark.py input [field=value ...]    our input path against torchvision's
    python scripts/benchmark.py step [field=value ...]     a step, eager or compiled, by layout
    python scripts/benchmark.py startup                    help, composition, the first step
    python scripts/benchmark.py optimizers [option ...]    an update of each, against torch's
    python scripts/benchmark.py tables                     reproduce.py on 10,000 generated records

Fields are those of train.py, such as device=cuda or precision=bf16. Real images are used where
$BASIN_DATA has CIFAR-10, else random ones. With --write the table goes to results/benchmarks. The
exit code is 1 where a requirement is not met.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from benchmarks.result import Result


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    if chosen.theme == "loop" and chosen.peak:
        from benchmarks import memory

        print(
            json.dumps(memory.peak(chosen.peak, chosen.steps, chosen.random_images, chosen.fields))
        )
        return 0
    result = _measure(chosen)
    print(result.text())
    if chosen.write:
        print("\n".join(["", *(str(path) for path in result.write())]))
    return 0 if result.met else 1


def _measure(chosen: argparse.Namespace) -> Result:
    """Each theme imports what it measures, and the others nothing of it."""
    if chosen.theme == "loop":
        from benchmarks import loop

        amount = loop.Amount(chosen.pairs, chosen.steps, chosen.memory_runs, chosen.random_images)
        return loop.measure(amount, chosen.fields)
    if chosen.theme == "input":
        from benchmarks import input as theirs

        sizes = (chosen.pairs, chosen.batches, 10, chosen.workers, chosen.random_images)
        return theirs.measure(theirs.Amount(*sizes), chosen.fields)
    if chosen.theme == "optimizers":
        from benchmarks import optimizers

        one = optimizers.Amount(chosen.rounds, chosen.steps, chosen.model)
        if chosen.small:
            one = optimizers.SMALL
        return optimizers.measure(one, chosen.options, [f"device={chosen.device}"])
    if chosen.theme == "step":
        from benchmarks import step

        often = (chosen.rounds, chosen.steps, chosen.random_images)
        ways = (chosen.compile, chosen.layouts, chosen.precisions)
        return step.measure(step.Amount(*often, *ways), chosen.fields)
    if chosen.theme == "tables":
        from benchmarks import tables

        many = tables.Amount(chosen.cells, chosen.seeds, chosen.epochs, chosen.repeats)
        return tables.measure(many)
    from benchmarks import startup

    return startup.measure(startup.Amount(chosen.helps, chosen.compositions, chosen.first_steps))


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    themes = parser.add_subparsers(dest="theme", required=True)
    loop = themes.add_parser("loop", help="our loop against a bare one")
    loop.add_argument("--pairs", type=int, default=7)
    loop.add_argument("--steps", type=int, default=12, help="of a timed segment")
    loop.add_argument("--memory-runs", type=int, default=3, help="processes of each side")
    loop.add_argument("--random-images", type=int, default=5120)
    loop.add_argument("--peak", choices=("ours", "bare"), help=argparse.SUPPRESS)
    loop.add_argument("fields", nargs="*", help="as for train.py")
    images = themes.add_parser("input", help="our input path against torchvision's")
    images.add_argument("--pairs", type=int, default=7)
    images.add_argument("--batches", type=int, default=60, help="of torchvision's path")
    images.add_argument("--workers", type=int, default=2, help="of torchvision's DataLoader")
    images.add_argument("--random-images", type=int, default=50_000)
    images.add_argument("fields", nargs="*", help="as for train.py")
    ways = themes.add_parser("step", help="a step, eager or compiled, by layout and precision")
    ways.add_argument("--rounds", type=int, default=7)
    ways.add_argument("--steps", type=int, default=6, help="of a timed segment")
    ways.add_argument("--random-images", type=int, default=5120)
    ways.add_argument("--compile", type=_several, default=("false",), help="false,true")
    ways.add_argument("--layouts", type=_several, default=("nchw", "channels_last"))
    ways.add_argument("--precisions", type=_several, default=("fp32",), help="as for train.py")
    ways.add_argument("fields", nargs="*", help="as for train.py")
    startup = themes.add_parser("startup", help="help, composition, the first step")
    startup.add_argument("--helps", type=int, default=7)
    startup.add_argument("--compositions", type=int, default=7)
    startup.add_argument("--first-steps", type=int, default=5)
    updates = themes.add_parser("optimizers", help="an update of each, against torch's")
    updates.add_argument("--rounds", type=int, default=7)
    updates.add_argument("--steps", type=int, default=5, help="a round, a whole cycle of Lookahead")
    updates.add_argument("--model", default="wrn_28_10", help="whose parameters")
    updates.add_argument("--device", default="cpu")
    updates.add_argument("--small", action="store_true", help="one update of a small network each")
    updates.add_argument("options", nargs="*", help="of configs/optimizer; none: all")
    papers = themes.add_parser("tables", help="reproduce.py on generated records")
    papers.add_argument("--cells", type=int, default=100)
    papers.add_argument("--seeds", type=int, default=100, help="of each cell")
    papers.add_argument("--epochs", type=int, default=100, help="of each record")
    papers.add_argument("--repeats", type=int, default=5)
    for theme in (loop, images, ways, startup, updates, papers):
        theme.add_argument("--write", action="store_true", help="to results/benchmarks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
