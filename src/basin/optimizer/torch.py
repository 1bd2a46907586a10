"""Any optimizer of torch.optim by its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import torch

from basin.core.protocols import Parameters
from basin.optimizer.ranges import at_least_0

REFUSED = ("LBFGS", "SparseAdam")
"""LBFGS reads the loss back and takes one group; SparseAdam needs sparse gradients."""


def by_name(
    params: Parameters, *, name: str, lr: float, weight_decay: float, arguments: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """torch.optim's `name`; arguments: further ones of its class, such as momentum.

    Raises ValueError where there is no such optimizer or argument.
    """
    at_least_0(lr=lr, weight_decay=weight_decay)
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
    kind = getattr(torch.optim, name)
    accepted = inspect.signature(kind).parameters
    for key in arguments:
        if key in ("params", "lr", "weight_decay"):
            raise ValueError(f"arguments.{key}: give {key} beside `arguments`, not in it")
        if key not in accepted:
            raise ValueError(f"arguments.{key}: {name} has {', '.join(list(accepted)[1:])}")
    fields = {"lr": lr, "weight_decay": weight_decay}
    for key in fields.keys() - accepted.keys():
        if fields[key]:
            raise ValueError(f"{key}={fields[key]}: {name} has no {key}; give {key}=0")
    own = {key: value for key, value in fields.items() if key in accepted}
    try:
        optimizer: torch.optim.Optimizer = kind(params, **own, **arguments)
    except TypeError as error:
        raise ValueError(f"arguments={dict(arguments)}: {name}: {error}") from None
    return optimizer
