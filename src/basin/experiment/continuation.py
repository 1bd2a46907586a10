"""What a run continues from, and what its checkpoints say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from basin.core.protocols import Counters
from basin.experiment.environment import choices
from basin.experiment.identity import differences, essential
from basin.experiment.job import Job, tell
from basin.logger.jsonl import JsonLines
from basin.training.checkpoint import CheckpointError
from basin.training.precision import flags, resolve


class Continuation:
    """The checkpoint of a run, or its absence.

    exact: whether every process so far made the same choices of device, ranks, threads, precision,
    compilation and versions, and deterministic kernels where that is a choice, so that the run is
    bitwise one that was never stopped. A member of several runs is never that.
    shared: whether any of these processes trained other runs too, whose time is in `seconds`.
    trunk: the stage that another run trained, and that run; None for none.
    spent: examples until the end of each stage that is behind, by its name.
    """

    def __init__(self, job: Job, content: dict[str, Any] | None) -> None:
        self._job, self.content = job, content
        self.trunk = None if content is None else content.get("trunk")
        self.spent: dict[str, dict[str, int]] = {} if content is None else content.get("spent", {})
        self.precision = job.precision
        if self.content is not None:
            self._refuse_foreign(self.content)
            before = self.content["choices"]["precision"]  # not chosen again
            self.precision = resolve(before, job.device)
        self._choices = choices(job.device, self.precision, job.way) | {"members": job.members}
        now = self._choices
        unsaid = {"ranks": 1, "members": 1}  # in an older checkpoint
        earlier = now if self.content is None else {**unsaid, **self.content["choices"]}
        differing = [f"{k} {v} -> {now.get(k)}" for k, v in earlier.items() if v != now.get(k)]
        repeatable = job.device.type == "cpu" or job.settings["runtime"]["deterministic"]
        self.exact = job.members == 1 and (
            self.content is None or (not differing and repeatable and self.content["exact"])
        )
        self.shared = job.members > 1 or bool(self.content and self.content.get("shared"))
        self.computed = {**now, **flags()}
        self._differing = differing

    def announce(self, lines: JsonLines) -> None:
        """Cut metrics.jsonl back to where the run goes on, and say where that is."""
        missing = lines.rewind(0 if self.content is None else self.content["position"])
        if missing:
            tell(f"metrics.jsonl lacks {missing} bytes that were there; its earlier lines are lost")
        if self.content is not None:
            note = f"continuing at epoch {self.content['epoch']:.3f}"
            if self._differing:
                note += f"; no longer bitwise the undisturbed run: {', '.join(self._differing)}"
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

    def end(self, name: str, counters: Counters) -> None:
        """Note what was spent until the end of a stage."""
        spent = {"examples": counters.examples, "forward_only": counters.forward_only}
        self.spent = {**self.spent, name: spent}

    def spent_until(self, name: str, num: int) -> dict[str, float] | None:
        """Cost until a stage's end in passes over `num` examples; None of an older checkpoint."""
        spent = self.spent.get(name)
        if spent is None:
            return None
        return {
            "gradient_evaluations": spent["examples"] / num,
            "forward_only": spent["forward_only"] / num,
        }

    def header(self, index: int, position: Callable[[], int], epoch: float) -> dict[str, Any]:
        """What a checkpoint says of its run."""
        return {
            "identity": self._job.identities[index],
            "stage": index,
            "trunk": self.trunk,
            "spent": self.spent,
            "settings": essential(list(self._job.stages.values())[index]),
            "choices": self._choices,
            "tuning": self._job.tuning,
            "exact": self.exact,
            "shared": self.shared,
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
