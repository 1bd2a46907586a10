"""Training labels predicted by a finished run, for dataset=relabelled: bootstrapping.

    python scripts/relabel.py run=RUN [solution=swa] [output=labels.safetensors]

RUN is a run folder, or its name in results=results/runs. Its network, in eval mode, classifies the
training images as they are, without augmentation; the file says which run did so and of which
labels they take the place, by a checksum. dataset=relabelled takes it around the same data set.

solution  whose weights predict: last, swa, ...
output    the file; RUN/labels-SOLUTION.safetensors where it is not given
device    auto | cpu | cuda | ...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from options import MISSING, command
from torch import Tensor

from basin.core.solutions import run_folder
from basin.dataset.label_noise import LabelNoise
from basin.dataset.relabelled import file_checksum, write_labels
from basin.experiment.finished import FinishedRun
from basin.training.evaluation import predict


@dataclass
class Options:
    """The words of the command line."""

    run: str = MISSING
    solution: str = "last"
    output: str | None = None
    device: str = "auto"
    results: str = "results/runs"


def predicted(run: FinishedRun) -> Tensor:
    """Labels (N,) that the run's solution gives its training images; ValueError without classes."""
    examples = run.dataset.train
    if examples.labels.is_floating_point():
        raise ValueError(f"run={run.path} has real targets: there are no labels to predict")
    logits, _ = predict(
        run.solution(),
        examples,
        run.evaluator.prepare,
        precision=run.precision,
        batch_size=run.evaluator.batch_size,
    )
    return logits.argmax(1).cpu()


def clean_labels(run: FinishedRun) -> Tensor | None:
    """The labels (N,) of a run on dataset=label_noise before the noise; None of other runs."""
    noise = run.plan.dataset
    if not isinstance(noise, LabelNoise):
        return None
    clean: Tensor = noise.base.load().train.labels
    return clean


def relabel(chosen: Options) -> None:
    """Predict, write and say how many labels changed."""
    folder = run_folder(chosen.run, results=chosen.results)
    run = FinishedRun(folder / chosen.solution, device=chosen.device)
    labels, before = predicted(run), run.dataset.train.labels.cpu()
    output = Path(chosen.output or folder / f"labels-{chosen.solution}.safetensors")
    origin = {"run": folder.name, "solution": chosen.solution, "classes": run.dataset.classes}
    write_labels(output, labels, replaces=before, **origin)
    print(f"{share(labels != before)} of {len(labels)} labels changed")
    clean = clean_labels(run)
    if clean is not None:
        was, now = share(before != clean), share(labels != clean)
        print(f"wrong labels: {was} before, {now} now")
    print(f"dataset=relabelled dataset.labels={output} dataset.sha256={file_checksum(output)}")


def share(which: Tensor) -> str:
    """A part (N,) of all as per cent."""
    return f"{100 * which.to(torch.float64).mean().item():.2f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(Options, relabel, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
