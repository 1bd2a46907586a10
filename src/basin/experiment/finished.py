"""A finished run read back from its folder: data, network and the weights of a solution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from basin.core.protocols import Objective
from basin.core.solutions import load_, read_weights, solution_file
from basin.experiment import build, devices
from basin.experiment.assembly import Assembly
from basin.experiment.check import check
from basin.experiment.schema import register
from basin.experiment.settings import Settings, run_settings
from basin.experiment.staging import stage_settings
from basin.model.curve import Curve
from basin.training.allocator import keep_freed_memory
from basin.training.precision import Precision, resolve

Labelled = Iterator[tuple[Tensor, Tensor]]
"""Normalised images (B, C, H, W) and targets, on the run's device."""


class FinishedRun:
    """RUN or RUN/SOLUTION: a run folder, by its path, and a solution's name (`last`).

    Every pass over the training part draws the same examples and augmentations: those of the run's
    first epoch. Raises ValueError for what is no run, unfinished, or lacks the solution.
    """

    def __init__(self, place: Path, *, device: str, root: str | None = None) -> None:
        self.file = solution_file(place)
        self.path = self.file.parent
        register()
        cfg = OmegaConf.load(self.path / "config.yaml")
        assert isinstance(cfg, DictConfig)
        cfg.device, cfg.results = device, str(self.path.parent)
        if root is not None:
            cfg.dataset.root = root
        self.settings, self._stages = run_settings(cfg), stage_settings(cfg)
        self.plan = check(self.settings, self._stages)
        self.device = devices.pick(device)
        keep_freed_memory(self.device)
        self.precision = Precision(resolve(self.settings["precision"], self.device), self.device)
        self._assembly = Assembly(
            self.settings, self.plan, device=self.device, precision=self.precision
        )
        self.dataset = self._assembly.dataset
        self._stage = list(self._stages.values())[-1]
        self._input = self._assembly.input(self._stage, 0)
        self.evaluator = self._assembly.evaluator()

    def solution(self) -> nn.Module:
        """The solution's network in eval mode; a curve, where the run's model is one."""
        return self.other(self.file)

    def other(self, file: Path) -> nn.Module:
        """This run's network with the weights of a file; ValueError where they do not fit."""
        model = self._assembly.model()
        weights = read_weights(file)
        if isinstance(model, Curve) and not weights.keys() & model.state_dict().keys():
            model = self._assembly.place(model.point(0))  # a point of the curve, as `t0.5`
        load_(model, weights, source=str(file))
        return model.eval()

    @property
    def objective(self) -> Objective:
        """(logits, targets) -> losses, as the run was trained by."""
        return build.objective(self.settings)

    @property
    def weight_decay(self) -> float:
        """The L2 coefficient of the run: the curve's, or the innermost optimizer's; 0 for none."""
        model = self.settings["model"]
        node = model if "weight_decay" in model else self._innermost()
        return float(node.get("weight_decay") or 0.0)

    def train(self, *, augmented: bool, limit: int | None) -> Labelled:
        """A pass over the training part, or over its first `limit` examples in the run's order."""
        data, left = self._input, self._limited(limit)
        order = data.order.ahead(0)
        data.order.cursors[0] = 0
        while left > 0:
            if augmented:
                batch = data.draw(None, 0, 0, None)
                images, targets = batch.images, batch.targets
            else:
                indices, _ = order.next(data.batch_size, stream=0, exactly=False)
                images, targets = data.examples.fetch(indices, None)
                images = data.prepare(images)
            yield images[:left], targets[:left]
            left -= len(images)

    def test(self, *, limit: int | None) -> Labelled:
        """The test part, or its first `limit` examples, in batches of runtime.evaluation_batch."""
        examples = self.dataset.test
        num = len(examples) if limit is None else min(limit, len(examples))
        rows = torch.arange(num, device=examples.labels.device)
        parts = rows.split(self.evaluator.batch_size)
        for images, labels in examples.stream((part, None) for part in parts):
            yield self._input.prepare(images), labels

    def _limited(self, limit: int | None) -> int:
        if limit is not None and limit < 1:
            raise ValueError(f"a pass over {limit} training examples: give 1 or more, or null")
        drawn = self._input.order.drawn
        return drawn if limit is None else min(limit, drawn)

    def _innermost(self) -> Settings:
        node = self._stage["optimizer"]
        while isinstance(node.get("base"), dict):
            node = node["base"]
        return dict(node)
