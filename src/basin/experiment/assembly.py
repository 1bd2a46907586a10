"""The objects of a run on its device: data, model, and the parts of each stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from basin.core.clock import Clock
from basin.core.images import Normalise
from basin.core.order import Order
from basin.core.protocols import Counters, Solutions, Stage, TrainState
from basin.core.random import derive, seed_generators
from basin.experiment import build
from basin.experiment.check import Plan
from basin.experiment.settings import Settings, seeds
from basin.experiment.way import Way
from basin.model.recomputed_blocks import recompute_blocks_
from basin.training.closure import MinibatchClosure
from basin.training.distributed import Ranks
from basin.training.dynamics import Dynamics
from basin.training.evaluation import score
from basin.training.input import Input
from basin.training.network import Execution
from basin.training.passes import Compute, alone
from basin.training.precision import Precision
from basin.training.reporting import Evaluator
from basin.training.scheduling import Scheduling
from basin.training.snapshot import Parts
from basin.training.synced_batchnorm import with_synced_batchnorm
from basin.training.tally import Tally


class Assembly:
    """Reads the data set of a checked run and builds what `fit` needs."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        *,
        device: torch.device,
        precision: Precision,
        way: Way | None = None,
        compute: Compute | None = None,
    ) -> None:
        """way: in which steps are executed; None for the configured one.

        compute: of the passes of a member of several runs; None for those of a run alone.
        """
        self._compute = compute
        self._settings, self._plan = settings, plan
        self._device, self._precision = device, precision
        self._way = Way.configured(settings) if way is None else way
        loaded = plan.dataset.load()
        validation = loaded.validation
        self.dataset = replace(
            loaded,
            train=loaded.train.to(device),
            validation=None if validation is None else validation.to(device),
            test=loaded.test.to(device),
        )
        self._prepare = Normalise(
            torch.tensor(loaded.mean, device=device),
            torch.tensor(loaded.std, device=device),
            width=loaded.shape[2],
            dtype=precision.parameters,
            channels_last=self._way.channels_last,
        )
        self._counters = Counters()

    def seed(self, index: int) -> None:
        """What a transfer or an optimizer draws when it is built depends on the stage alone."""
        seed = derive(seeds(self._settings)["seed_init"], "stage", index)
        seed_generators(seed, self._device)

    def model(self) -> nn.Module:
        """The network, initialised on the CPU so that every device begins with the same weights."""
        seed_generators(derive(seeds(self._settings)["seed_init"], "weights"), self._device)
        network = build.model(
            self._settings,
            num_classes=len(self.dataset.classes),
            in_channels=self.dataset.shape[0],
        )
        if Ranks().size > 1 and self._settings["bn_ranks"] != "local":
            network = with_synced_batchnorm(network)
        if self._settings["runtime"]["recompute"]:
            recompute_blocks_(network)
        return self.place(network)

    def transferred(self, settings: Settings, model: nn.Module, solutions: Solutions) -> nn.Module:
        """The model that a stage begins with, of the one that the stage before it leaves."""
        transfer = build.transfer(
            settings,
            model=model,
            solutions=solutions,
            clock=self._clock(settings),
            results=self._settings["results"],
            num_classes=len(self.dataset.classes),
            in_channels=self.dataset.shape[0],
        )
        return model if transfer is None else self.place(transfer(model))

    def place(self, model: nn.Module) -> nn.Module:
        """A model on the run's device, in its dtype and memory format."""
        model = model.to(device=self._device, dtype=self._precision.parameters)
        return model.to(memory_format=torch.channels_last) if self._way.channels_last else model

    def _clock(self, settings: Settings) -> Clock:
        """That of a stage; `settings` are its own."""
        return self._plan.clocks[settings["stage"]["name"]]

    def evaluator(self) -> Evaluator:
        """Over the validation part, where there is one, and the test part."""
        parts = {"test": self.dataset.test}
        if self.dataset.validation is not None:
            parts = {"validation": self.dataset.validation, **parts}
        batch_size = self._settings["runtime"]["evaluation_batch"]
        return Evaluator(
            parts, self._prepare, self._precision, batch_size, self.dataset.score or score
        )

    def input(self, settings: Settings, index: int) -> Input:
        """The minibatches of a stage; `settings` are its own."""
        numbers = self._numbers(settings, index)
        clock = self._clock(settings)
        return Input(
            self.dataset.train,
            Order(
                num=len(self.dataset.train),
                drawn=clock.examples,
                seed=numbers["seed_order"],
                device=self.dataset.train.labels.device,
            ),
            batch_size=settings["batch_size"],
            augmentations=build.augmentations(
                settings, num_classes=len(self.dataset.classes), clock=clock
            ),
            prepare=self._prepare,
            seed=numbers["seed_augment"],
            counters=self._counters,
        )

    def parts(
        self,
        settings: Settings,
        index: int,
        stage: Stage,
        model: nn.Module,
        folder: Path | None = None,
    ) -> Parts:
        """Everything of one stage that has a state; `settings` are its own.

        folder: where averagers may keep files; None where there is no run folder.
        """
        clock = self._clock(settings)
        optimizer, averagers, schedules = build.method(settings, model, clock, folder)
        closure = self.closure(settings, index, model)
        state = TrainState(model, optimizer, schedules, averagers, stage, self._counters)
        dynamics = Dynamics(model, per_tensor=settings["metrics"]["per_tensor"])
        scheduling = Scheduling(schedules, optimizer)
        return Parts(state, closure, self._precision, dynamics, scheduling)

    def closure(self, settings: Settings, index: int, model: nn.Module) -> MinibatchClosure:
        """The objective of a stage over its minibatches; `settings` are its own."""
        return MinibatchClosure(
            model,
            build.objective(settings),
            self.input(settings, index),
            execution=Execution(
                self._precision,
                settings["micro_batch"],
                settings["bn_update"],
                self._numbers(settings, index)["seed_noise"],
            ),
            counters=self._counters,
            tally=Tally(self._device, classes=self.dataset.score is None),
            compute=self._compute or alone(model, self._way.compile),
        )

    @staticmethod
    def _numbers(settings: Settings, index: int) -> dict[str, int]:
        """The seeds of one stage."""
        return {name: derive(seed, name, index) for name, seed in seeds(settings).items()}
