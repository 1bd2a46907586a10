"""Measure what basin promises of its speed.

    python scripts/benchmark.py loop [field=value ...]     our loop against a bare one
    python scripts/benchmark.py input [field=value ...]    our input path against torchvision's
    python scripts/benchmark.py jpeg [field=value ...]     images from JPEG files, by workers
    python scripts/benchmark.py step [field=value ...]     a step, eager or compiled, by layout
    python scripts/benchmark.py peer [field=value ...]     ours against plain loops of other people
    python scripts/benchmark.py eval [field=value ...]     evaluation, by the batch of its passes
    python scripts/benchmark.py models [option ...]        parameters, FLOPs, speed of every network
    python scripts/benchmark.py members [field=value ...]  several runs in one process, and alone
    python scripts/benchmark.py ranks [field=value ...]    one run on several processes
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

from benchmarks.arguments import parser
from benchmarks.result import Result

from basin.core.reader import quietly


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    chosen = parser(__doc__ or "").parse_args(arguments)
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
    if chosen.theme in OF_STEPS:
        return OF_STEPS[chosen.theme](chosen)
    if chosen.theme == "optimizers":
        from benchmarks import optimizers

        one = optimizers.Amount(chosen.rounds, chosen.steps, chosen.model)
        if chosen.small:
            one = optimizers.SMALL
        return optimizers.measure(one, chosen.options, [f"device={chosen.device}"])
    if chosen.theme == "models":
        from benchmarks import every_model, models

        each = models.Amount(10, chosen.batch, None, chosen.repeats)
        return every_model.measure(chosen.options, each, chosen.device)
    if chosen.theme == "tables":
        from benchmarks import tables

        many = tables.Amount(chosen.cells, chosen.seeds, chosen.epochs, chosen.repeats)
        return tables.measure(many)
    from benchmarks import startup

    return startup.measure(startup.Amount(chosen.helps, chosen.compositions, chosen.first_steps))


def _loop(chosen: argparse.Namespace) -> Result:
    from benchmarks import loop

    amount = loop.Amount(chosen.pairs, chosen.steps, chosen.memory_runs, chosen.random_images)
    return loop.measure(amount, chosen.fields)


def _input(chosen: argparse.Namespace) -> Result:
    from benchmarks import input as theirs

    sizes = (chosen.pairs, chosen.batches, 10, chosen.workers, chosen.random_images)
    return theirs.measure(theirs.Amount(*sizes), chosen.fields)


def _jpeg(chosen: argparse.Namespace) -> Result:
    from benchmarks import jpeg

    often = (chosen.workers, chosen.pairs, chosen.batches)
    return jpeg.measure(jpeg.Amount(*often, chosen.needed, chosen.shorter), chosen.fields)


def _step(chosen: argparse.Namespace) -> Result:
    from benchmarks import step

    often = (chosen.rounds, chosen.steps, chosen.random_images)
    ways = (chosen.compile, chosen.layouts, chosen.precisions)
    return step.measure(step.Amount(*often, *ways), chosen.fields)


def _peer(chosen: argparse.Namespace) -> Result:
    from benchmarks import peer

    paths = [field[5:] for field in chosen.fields if field.startswith("peer=")]
    fields = [field for field in chosen.fields if not field.startswith("peer=")]
    amount = peer.Amount(chosen.model, chosen.pairs, chosen.images)
    return peer.measure(amount, fields, paths[-1] if paths else None)


def _eval(chosen: argparse.Namespace) -> Result:
    from benchmarks import evaluation

    amount = evaluation.Amount(chosen.batches, chosen.images, chosen.rounds)
    return evaluation.measure(amount, chosen.fields)


def _members(chosen: argparse.Namespace) -> Result:
    from benchmarks import members

    amount = members.Amount(chosen.members, chosen.pairs, chosen.steps, chosen.models)
    return members.measure(amount, chosen.fields)


def _ranks(chosen: argparse.Namespace) -> Result:
    from benchmarks import ranks

    sizes = (chosen.processes, chosen.batch, chosen.threads)
    return ranks.measure(ranks.Amount(*sizes, chosen.rounds, chosen.steps), chosen.fields)


OF_STEPS = {
    "loop": _loop,
    "input": _input,
    "jpeg": _jpeg,
    "step": _step,
    "peer": _peer,
    "eval": _eval,
    "members": _members,
    "ranks": _ranks,
}
"""Themes that take fields of train.py."""


if __name__ == "__main__":
    sys.exit(quietly(main))
