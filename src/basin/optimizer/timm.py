"""Any optimizer of timm by its name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import torch

from basin.core.protocols import Parameters
from basin.optimizer.ranges import at_least_0


def by_name(
    params: Parameters, *, name: str, lr: float, weight_decay: float, arguments: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """timm's `name`; arguments: further ones of timm.optim.create_optimizer_v2 or of its class.

    Decay groups are this project's (field `decay`), not timm's. Some of timm's (adamp, sgdp) read
    a number back in every step, for which a GPU waits.
    Raises ValueError where there is no such optimizer or argument.
    """
    try:
        import timm.optim
    except ModuleNotFoundError as error:
        raise ValueError(
            f'name={name} needs timm: pip install "timm>=1.0.15,<2" ({error})'
        ) from None

    at_least_0(lr=lr, weight_decay=weight_decay)
    known = timm.optim.list_optimizers()
    if name not in known:
        near = get_close_matches(name, known, 3) or known[:3]
        raise ValueError(
            f"name={name!r} is no optimizer of timm; did you mean {' or '.join(near)}?"
        )
    try:
        optimizer: torch.optim.Optimizer = timm.optim.create_optimizer_v2(
            params, opt=name, lr=lr, weight_decay=weight_decay, **arguments
        )
    except TypeError as error:
        raise ValueError(f"arguments={dict(arguments)}: {name} of timm: {error}") from None
    return optimizer
