"""Eigenvalues of the Hessian of a finished run's training loss: density, the largest, the trace.

    python scripts/hessian.py run=RUN [field=value ...]

run           RUN or RUN/SOLUTION: a run folder, or its name in results=results/runs
probes        random vectors that the density is a mean over (4); the trace's error needs two
steps         of Lanczos for each: as many products with the Hessian (80)
top           eigenvalues to report; the steps must be several times as many (10)
train         training images that the loss is a mean over, plain; null (the default) for all
batch_size    images of one forward pass; null: the run's
weight_decay  of an L2 term in the loss, which shifts every eigenvalue (0)
seed          of the random vectors (0)
device        auto | cpu | cuda | cuda:N | mps
out           OUT.npz, OUT.txt, OUT.png (hessian)

OUT.npz: eigenvalues (K,) ascending and weights (K,), which sum to 1; top, bounds, trace,
trace_error, parameters, examples. OUT.txt has a line `eigenvalue density` for each of the K, the
density being its weight: what dataset=quadratic and eigencurve's authors read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import isfinite

import torch
from options import MISSING, command
from torch import Tensor

from basin.analysis.arrays import beside, write_arrays
from basin.analysis.hessian import Hessian
from basin.analysis.lanczos import Spectrum, spectrum
from basin.analysis.pictures import draw_spectrum
from basin.core.files import write_atomically
from basin.core.random import bits, derive
from basin.core.reader import quietly
from basin.core.solutions import place_of
from basin.experiment.finished import FinishedRun


@dataclass
class Options:
    """See the module's text."""

    run: str = MISSING
    probes: int = 4
    steps: int = 80
    top: int = 10
    train: int | None = None
    batch_size: int | None = None
    weight_decay: float = 0.0
    seed: int = 0
    device: str = "auto"
    results: str = "results/runs"
    out: str = "hessian"


def estimate(options: Options) -> None:
    """Estimate the spectrum, write the files and print what is known."""
    for name in ("probes", "steps", "top", "batch_size"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"{name}={value} is less than 1")
    files = [beside(options.out, suffix) for suffix in (".npz", ".txt", ".png")]
    run = FinishedRun(place_of(options.run, results=options.results), device=options.device)
    batches = partial(pieces, run, options.train, options.batch_size)
    hessian = Hessian(run.solution(), run.objective, batches, weight_decay=options.weight_decay)
    found = spectrum(
        hessian,
        partial(signs, options.seed, hessian.size, hessian.device),
        probes=options.probes,
        steps=options.steps,
        top=options.top,
        tell=partial(print, flush=True),
    )
    examples = sum(len(images) for images, _ in batches())
    facts = {"parameters": hessian.size, "examples": examples, "seed": options.seed}
    write_arrays(files[0], {**asdict(found), **facts, "weight_decay": options.weight_decay})
    write_atomically(files[1], text(found))
    draw_spectrum(found.eigenvalues, found.weights, files[2], f"{run.path.name}, {run.file.stem}")
    print(summary(found, hessian.products))
    print("\n".join(str(file) for file in files))


def pieces(
    run: FinishedRun, limit: int | None, batch_size: int | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """A plain pass over the training part in pieces of `batch_size` examples."""
    for images, targets in run.train(augmented=False, limit=limit):
        size = batch_size or len(images)
        yield from zip(images.split(size), targets.split(size), strict=True)


def signs(seed: int, size: int, device: torch.device, probe: int) -> Tensor:
    """Independent signs (P,) float64, alike on every device."""
    counters = torch.arange(size, device=device)
    return 1.0 - 2.0 * (bits(derive(seed, "probe", probe), counters) & 1).double()


def text(found: Spectrum) -> str:
    """Lines `eigenvalue density`."""
    pairs = zip(found.eigenvalues, found.weights, strict=True)
    return "".join(f"{float(value)!r} {float(weight)!r}\n" for value, weight in pairs)


def summary(found: Spectrum, products: int) -> str:
    """What a user reads."""
    error = f"+- {found.trace_error:.2g} (standard error)"
    lines = [f"trace {found.trace:.6g} {error if isfinite(found.trace_error) else '(one probe)'}"]
    lines.append("largest eigenvalues, and how close an eigenvalue is known to lie:")
    lines += [f"  {v:.6g}  +- {b:.1g}" for v, b in zip(found.top, found.bounds, strict=True)]
    negative = found.weights[found.eigenvalues < 0].sum()
    lines.append(f"smallest {found.eigenvalues[0]:.6g}; {100 * negative:.3g} % below 0")
    return "\n".join([*lines, f"{products} products with the Hessian"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(Options, estimate, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(quietly(main))
