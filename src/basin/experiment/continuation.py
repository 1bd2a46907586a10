"""What a run continues from, and what its checkpoints say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from basin.experiment.environment import choices
from basin.experiment.identity import differences, essential
from basin.experiment.job import Job, Output, tell
from basin.training.checkpoint import CheckpointError
from basin.training.precision import flags, resolve


class Continuation:
    """The checkpoint of a run, or its absence.

    exact: whether every process so far made the same choices of device, threads, precision,
    compilation and versions, and deterministic kernels where that is a choice, so that the run is
    bitwise one that was never stopped.
    trunk: the stage that another run trained, and that run; None for none.
    """

    def __init__(self, job: Job, output: Output) -> None:
        self._job, self.content = job, output.checkpoints.load()
        self.trunk = None if self.content is None else self.content.get("trunk")
        self.precision = job.precision
        if self.content is not None:
            self._refuse_foreign(self.content)
            before = self.content["choices"]["precision"]  # not chosen again
            self.precision = resolve(before, job.device)
        self._choices = choices(job.device, self.precision, job.settings)
        earlier = self._choices if self.content is None else self.content["choices"]
        now = self._choices
        differing = [f"{k} {v} -> {now.get(k)}" for k, v in earlier.items() if v != now.get(k)]
        repeatable = job.device.type == "cpu" or job.settings["runtime"]["deterministic"]
        self.exact = self.content is None or (
            not differing and repeatable and self.content["exact"]
        )
        self.computed = {**now, **flags()}
        missing = output.lines.rewind(0 if self.content is None else self.content["position"])
        if missing:
            tell(f"metrics.jsonl lacks {missing} bytes that were there; its earlier lines are lost")
        if self.content is not None:
            note = f"continuing at epoch {self.content['epoch']:.3f}"
            if differing:
                note += f"; no longer bitwise the undisturbed run: {', '.join(differing)}"
            tell(note)

    @property
    def epoch(self) -> float:
        """Where the run goes on."""
        return 0.0 if self.content is None else float(self.content["epoch"])

    def is_behind(self, index: int) -> bool:
        """Whether a stage was finished before."""
        return self.content is not None and index < self.content["stage"]

    def is_begun(self, index: int) -> bool:
        """Whether the weights of a stage are in the checkpoint, or of no use any more."""
        return self.content is not None and index <= self.content["stage"]

    def of(self, index: int) -> dict[str, Any] | None:
        """The checkpoint, where it lies inside a stage."""
        inside = self.content is not None and self.content["stage"] == index
        return self.content if inside else None

    def header(self, index: int, position: Callable[[], int], epoch: float) -> dict[str, Any]:
        """What a checkpoint says of its run."""
        return {
            "identity": self._job.identities[index],
            "stage": index,
            "trunk": self.trunk,
            "settings": essential(list(self._job.stages.values())[index]),
            "choices": self._choices,
            "exact": self.exact,
            "position": position(),
            "epoch": epoch,
        }

    def _refuse_foreign(self, content: dict[str, Any]) -> None:
        """Raise CheckpointError, with the differing keys, where a checkpoint is another run's."""
        index = content["stage"]
        ours = self._job.identities
        if index < len(ours) and content["identity"] == ours[index]:
            return
        own = list(self._job.stages.values())[min(index, len(ours) - 1)]
        lines = differences(content["settings"], essential(own)) or [
            "an earlier stage, or NUMERICS"
        ]
        raise CheckpointError(
            f"the checkpoint in {self._job.folder.path} is of another configuration"
            f" ({content['identity']}, not {ours[min(index, len(ours) - 1)]}); it differs in:\n  "
            + "\n  ".join(lines)
            + "\nMove it back to its own folder, or use rerun=true to train anew."
        )
