"""The record of a finished run, and what the user reads of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from basin import NUMERICS
from basin.core.protocols import Judged
from basin.core.scores import headline, score_text
from basin.experiment.continuation import Continuation
from basin.experiment.environment import peak_memory_bytes
from basin.experiment.execute import Outcome
from basin.experiment.identity import essential
from basin.experiment.job import Job
from basin.experiment.settings import seeds
from basin.training.bookkeeping import averaged, spent
from basin.training.energy import JOULES_PER_KWH

NEXT = """\
next: python train.py model=resnet20 dataset=cifar10 epochs=30        CIFAR-10 (downloads 170 MB)
      python train.py -m experiment=quickstart seed=0,1,2 lr=0.05,0.1   a sweep
      python scripts/compare.py {runs}/*                      runs beside each other"""


def finish(job: Job, outcome: Outcome, before: Continuation) -> dict[str, Any]:
    """Write every solution to the folder; returns the record."""
    results = _solutions(job, outcome)
    state, meter = outcome.parts.state, outcome.around.meter
    order, counters, seconds = outcome.parts.closure.input.order, state.counters, meter.seconds
    parts = [outcome.parts.closure.input.examples, *outcome.evaluator.parts.values()]
    return {
        "run": job.folder.name,
        "identity": job.identities[-1],
        "stages": {
            name: {
                "identity": identity,
                "settings": essential(stage),
                "spent": before.spent_until(name, order.num),
            }
            for (name, stage), identity in zip(job.stages.items(), job.identities, strict=True)
        },
        "numerics": NUMERICS,
        "seed": job.settings["seed"],
        "seeds": seeds(job.settings),
        "settings": essential(job.settings),
        "exact": before.exact,
        "trunk": before.trunk,
        "results": results,
        **({"judged_by": state.model.judged_by} if isinstance(state.model, Judged) else {}),
        "averaged": averaged(state),
        "cost": {
            "epochs": outcome.epochs,
            "steps": counters.step,
            "skipped_steps": counters.skipped,
            "gradient_evaluations": counters.examples / order.num,
            **{key: value for key, value in spent(state).items() if key == "work_units"},
            "forward_only": counters.forward_only / order.num,
            "passes": counters.drawn / order.num,
            "seconds": seconds,
            **({"shared": True} if before.shared else {}),
            **({} if meter.joules is None else {"kwh": meter.joules / JOULES_PER_KWH}),
            "step_milliseconds": 1000 * seconds / max(counters.step, 1),
            "images_per_second": counters.drawn / max(seconds, 1e-9),
            "peak_memory_bytes": peak_memory_bytes(job.device),
            "parameters": job.plan.parameters,
            "forward_flops_per_image": job.plan.flops,
        },
        "dataset": {
            "train": order.num,
            **{name: len(part) for name, part in outcome.evaluator.parts.items()},
            "shape": list(outcome.dataset.shape),
            "classes": list(outcome.dataset.classes),
            **outcome.dataset.notes,
        },
        "skipped_files": sum(len(part.skipped) for part in parts),
        "computed": before.computed,
        "tuning": job.tuning,
        "environment": job.environment,
    }


def _solutions(job: Job, outcome: Outcome) -> dict[str, Any]:
    """Scores, weights and test logits of every solution at the end, and its best epoch."""
    evaluator = outcome.evaluator
    for name, weights in evaluator.weights.items():
        job.folder.write_tensors(f"{name}.safetensors", weights)
    logits = {
        name: values.to(torch.float16 if values.shape[1] > 1 else torch.float32)
        for name, values in evaluator.logits.items()
    }
    job.folder.write_tensors("logits.safetensors", logits)
    return {
        name: {
            "final": {"epoch": outcome.epochs, **final},
            "best": evaluator.best.get(name),
            "passes": evaluator.passes[name],
            **({"members": evaluator.members[name]} if name in evaluator.members else {}),
        }
        for name, final in evaluator.kept.items()
    }


def final_score(record: dict[str, Any]) -> tuple[str, float]:
    """The score that sweeps read, at the last epoch: error, in per cent.

    It is that of the last iterate, or of the solution that the model names (core.protocols.Judged).
    """
    final = record["results"][record.get("judged_by", "last")]["final"]
    scores: dict[str, float] = final.get("validation", final["test"])
    name = headline(scores)
    return name, scores[name]


def _scores(scores: Mapping[str, float]) -> str:
    """All that is known of one part."""
    if headline(scores) != "error":
        return "  ".join(score_text(name, value) for name, value in scores.items())
    return (
        f"accuracy {100 - scores['error']:.2f} %  {score_text('error', scores['error'])}"
        f"  NLL {scores['nll']:.4f}  ECE {scores['ece']:.4f}"
    )


def present(record: dict[str, Any], folder: Path) -> str:
    """What a finished run prints."""
    lines = []
    for name, result in record["results"].items():
        final, best = result["final"], result["best"]
        if result.get("passes", 1) > 1:
            lines.append(f"{name}: {result['passes']} forward passes a prediction")
        for part in ("validation", "test"):
            if part in final:
                lines.append(f"{name}: {part} {_scores(final[part])}")
        if best is not None:
            on, scores = best["selected_on"], best["test"]
            key = headline(scores)
            lines.append(
                f"{name}: best epoch {best['epoch']:g}, test {score_text(key, scores[key])}"
                f" (selected on {on})"
            )
    if "validation" not in record["results"]["last"]["final"]:
        name, _ = final_score(record)
        of = f" of {record['judged_by']}" if "judged_by" in record else ""
        lines.append(
            f"sweeps read the last epoch's test {name}{of}: there is no dataset.validation split"
        )
    cost = record["cost"]
    work = f" ({cost['work_units']:.4g} work units)" if "work_units" in cost else ""
    lines.append(
        f"cost: {cost['gradient_evaluations']:.4g} gradient evaluations{work},"
        f" {cost['seconds']:.1f} s, {cost['images_per_second']:.0f} images/s"
    )
    lines.append(f"run folder: {folder}")
    return "\n".join([*lines, NEXT.format(runs=folder.parent)])
