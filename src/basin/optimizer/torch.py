"""Any optimizer of torch.optim by its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import torch

from basin.core.protocols import Parameters
from basin.optimizer.ranges import at_least_0, below_1, finite

RANGES = {"betas": below_1, "momentum": below_1, "eps": at_least_0}
"""Of numbers that go by one name everywhere; others are finite."""
REFUSED = ("LBFGS", "SparseAdam")
"""LBFGS reads the loss back and takes one group; SparseAdam needs sparse gradients."""


def by_name(
    params: Parameters, *, name: str, lr: float, weight_decay: float, arguments: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """torch.optim's `name`; arguments: further ones of its class, such as momentum.

    Raises ValueError where there is no such optimizer or argument.
    """
    at_least_0(lr=lr, weight_decay=weight_decay)
    kind = _class(name)
    accepted = inspect.signature(kind).parameters
    check(arguments, kind)
    for key in arguments:
        if key in ("maximize", "differentiable"):
            raise ValueError(f"arguments.{key}: losses are minimised, and updates not derived")
        if key not in accepted:
            raise ValueError(f"arguments.{key}: {name} has {', '.join(list(accepted)[1:])}")
    fields = {"lr": lr, "weight_decay": weight_decay}
    for key in fields.keys() - accepted.keys():
        if fields[key]:
            raise ValueError(f"{key}={fields[key]}: {name} has no {key}; give {key}=0")
    own = {key: value for key, value in fields.items() if key in accepted}
    on_cpu = all(p.is_cpu for group in params for p in group["params"])
    if on_cpu and arguments.get("capturable"):
        raise ValueError("arguments.capturable=True needs a GPU")
    try:
        optimizer: torch.optim.Optimizer = kind(params, **own, **arguments)
    except (TypeError, RuntimeError, ValueError) as error:  # RuntimeError of two kernels at once
        where = f"arguments={dict(arguments)}: " if arguments else ""
        raise ValueError(f"name={name}: {where}{error}") from None
    return optimizer


def _class(name: str) -> Any:
    known = [
        key
        for key, value in vars(torch.optim).items()
        if inspect.isclass(value) and value is not torch.optim.Optimizer and key not in REFUSED
    ]
    if name not in known:
        near = get_close_matches(name.lower(), [key.lower() for key in known], 1)
        meant = [key for key in known if key.lower() in near]
        hint = f"did you mean {meant[0]}?" if meant else f"it has {', '.join(sorted(known))}"
        raise ValueError(f"name={name!r} is no optimizer of torch.optim that runs here; {hint}")
    return getattr(torch.optim, name)


def check(arguments: Mapping[str, Any], kind: object) -> None:
    """Raise ValueError for what has a key of its own, and for values of another kind or range.

    kind: the class, whose defaults say what a value looks like (timm has the mere name of one that
    is not installed); not every optimizer of these libraries looks at its values.
    """
    parameters = inspect.signature(kind).parameters if inspect.isclass(kind) else {}
    defaults = {key: parameter.default for key, parameter in parameters.items()}
    for key, value in arguments.items():
        if key in ("params", "name", "lr", "weight_decay"):
            raise ValueError(f"arguments.{key}: give {key} beside `arguments`, not in it")
        if not _alike(value, defaults.get(key)):
            default = defaults[key]
            raise ValueError(f"arguments.{key}={value!r} is nothing like its default, {default}")
        for number in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(number, (int, float)):
                RANGES.get(key, finite)(**{f"arguments.{key}": number})


def _alike(value: Any, default: Any) -> bool:
    """Whether a value is of a default's kind and length; of no default, None and words anything."""
    if isinstance(default, (list, tuple)):
        same = isinstance(value, (list, tuple)) and len(value) == len(default)
        return same and all(map(_alike, value, default))
    if isinstance(default, bool) or not isinstance(default, (int, float)):
        return not isinstance(default, bool) or isinstance(value, bool)
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
