"""An update of every optimizer on one network's parameters, without forward and backward.

Each option is timed in turn with torch's foreach SGD (momentum 0.9, weight decay) and foreach Adam,
round by round, so that a disturbance of the machine meets all three. Gradients are there already:
of a wrapper that asks twice (SAM) this is its own work and its base's.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from first_stage import CONFIGS, composed
from torch import Tensor, nn

from basin.core.clock import Clock
from basin.experiment import build
from basin.experiment.devices import wait
from basin.experiment.settings import run_settings
from basin.experiment.staging import stage_settings
from benchmarks.result import Measured, Result

OWN_NETWORKS = {"rmtr", "sphere"}
"""They need levels, or scale-invariant weights."""
OPTIONS = sorted({path.stem for path in (CONFIGS / "optimizer").glob("*.yaml")} - OWN_NETWORKS)
BARS = {
    **dict.fromkeys(("adapnm", "padam", "lamb", "koala_v"), ("Adam", 1.5)),
    "pnm": ("SGD", 2.0),
}
"""By option: at most so many times this foreach update of torch's."""
LOOKAHEAD, SAM = 1.15, 2.0
"""Lookahead's update by its base's; what SAM adds to its base, by a foreach SGD update."""


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    rounds: int
    steps: int  # of each optimizer in a round
    model: str


SMALL = Amount(rounds=1, steps=1, model="wrn_16_1")
"""That every option can be built and measured."""


class Given:
    """A closure whose gradients are there, and cost nothing."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.size = model, 128
        device = next(model.parameters()).device
        self.losses = torch.rand(128, device=device)
        self._loss = self.losses.mean()
        self._gradients = [1e-3 * torch.randn_like(p) for p in model.parameters()]

    def __call__(self, **switches: bool) -> Tensor:
        return self.evaluate(self.model)

    def evaluate(self, model: nn.Module, **switches: bool) -> Tensor:
        """The same gradients for any copy of the model."""
        for p, gradient in zip(model.parameters(), self._gradients, strict=True):
            p.grad = gradient
        return self._loss

    def resample(self, size: int | None = None, keep: int = 0, stream: int = 0) -> None:
        """Nothing."""


def measure(amount: Amount, options: Sequence[str], fields: list[str]) -> Result:
    """Milliseconds and multiples of torch's updates, and bytes of state a parameter."""
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no option of configs/optimizer for any network")
    settings = run_settings(composed([*fields, f"model={amount.model}"]))
    device = torch.device("cpu" if settings["device"] == "auto" else settings["device"])
    network = build.model(settings, num_classes=10, in_channels=3).to(device)
    network = network.to(memory_format=torch.channels_last)
    rows: list[Measured] = []
    for option in options or OPTIONS:
        rows += _rows(option, amount, network, fields)
    num = sum(p.numel() for p in network.parameters())
    settings = {"model": amount.model, "parameters": num, "steps": amount.steps}
    notes = [
        f"{amount.rounds} rounds: the option, SGD and Adam in turn, every other round backwards",
        "a base is timed alone on its wrapper's own weights, gradients and momenta",
    ]
    return Result("-".join(["optimizers", *options]), device, settings, rows, notes)


def _rows(option: str, amount: Amount, model: nn.Module, fields: list[str]) -> list[Measured]:
    network, device = copy.deepcopy(model), next(model.parameters()).device
    closure, num = Given(network), sum(p.numel() for p in network.parameters())
    sides = {option: _optimizer(option, network, fields)}
    if option in ("lookahead", "sam"):
        sides["base"] = sides[option].base
    for name, kind in (("SGD", torch.optim.SGD), ("Adam", torch.optim.Adam)):
        other = _with_gradients(network)
        extra: dict[str, Any] = {"momentum": 0.9} if name == "SGD" else {}
        sides[name] = kind(other.parameters(), lr=1e-4, weight_decay=5e-4, foreach=True, **extra)
    if option == "lookahead":
        other = _with_gradients(network)
        around = _optimizer(option, other, [*fields, "optimizer@optimizer.base=adamw"])
        sides |= {"lookahead of adamw": around, "adamw": around.base}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(amount.rounds + 1):  # the first warms up
        for name in reversed(sides) if number % 2 else sides:
            given = closure if name in (option, "base") else _still
            seconds = _seconds(sides[name], given, amount, device)
            if number:
                times[name].append(1000 * seconds)
    return _judged(option, times, _bytes(sides[option]) / num)


def _judged(option: str, times: dict[str, list[float]], state: float) -> list[Measured]:
    def multiple(of: str, own: str = option) -> list[float]:
        return [a / b for a, b in zip(times[own], times[of], strict=True)]

    bars: dict[str, float | None] = {"SGD": None, "Adam": None}
    if option in BARS:
        bars[BARS[option][0]] = BARS[option][1]
    rows = [
        Measured(f"{option}: update", times[option], "ms"),
        Measured(f"{option}: of foreach SGD", multiple("SGD"), "times", at_most=bars["SGD"]),
        Measured(f"{option}: of foreach Adam", multiple("Adam"), "times", at_most=bars["Adam"]),
        Measured(f"{option}: state", [state], "bytes a parameter"),
    ]
    if option == "lookahead":
        for name, ratios in (
            ("sgd", multiple("base")),
            ("adamw", multiple("adamw", "lookahead of adamw")),
        ):
            row = Measured(f"lookahead: of its base, {name}", ratios, "times", at_most=LOOKAHEAD)
            rows.append(row)
    elif option == "sam":
        added = zip(times[option], times["base"], times["SGD"], strict=True)
        own = [(all_ - base) / sgd for all_, base, sgd in added]
        rows.append(Measured("sam: own work, of foreach SGD", own, "times", at_most=SAM))
    return rows


def _still() -> Tensor:
    """The closure of torch's optimizers: their gradients stay."""
    return torch.zeros(())


def _seconds(
    optimizer: Any, closure: Callable[..., Any], amount: Amount, device: torch.device
) -> float:
    """Of one update, a mean over some."""
    wait(device)
    start = time.perf_counter()
    for _ in range(amount.steps):
        optimizer.step(closure)
    wait(device)
    return (time.perf_counter() - start) / amount.steps


def _with_gradients(network: nn.Module) -> nn.Module:
    """A copy."""
    other = copy.deepcopy(network)
    Given(other)()
    return other


def _optimizer(option: str, network: nn.Module, fields: list[str]) -> Any:
    cfg = composed([*fields, f"optimizer={option}", "schedule=constant"])
    (stage,) = stage_settings(cfg).values()
    optimizer, _, _ = build.method(stage, network, Clock(50_000, 128))
    return optimizer


def _bytes(optimizer: Any) -> int:
    """All tensors of a state, each storage once."""
    sizes: dict[int, int] = {}

    def walk(value: Any) -> None:
        if isinstance(value, Tensor):
            sizes[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        elif isinstance(value, dict):
            for one in value.values():
                walk(one)
        elif isinstance(value, (list, tuple)):
            for one in value:
                walk(one)

    walk(optimizer.state_dict())
    return sum(sizes.values())
