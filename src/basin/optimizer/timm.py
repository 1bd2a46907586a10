"""Any optimizer of timm by its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import torch

from basin.core.protocols import Parameters
from basin.optimizer.ranges import at_least_0
from basin.optimizer.torch import check


def by_name(
    params: Parameters, *, name: str, lr: float, weight_decay: float, arguments: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """timm's `name`; arguments: further ones of timm.optim.create_optimizer_v2 or of its class.

    Decay groups are this project's (field `decay`), not timm's. Some of timm's (adamp, sgdp) read
    a number back in every step, for which a GPU waits.
    Raises ValueError where there is no such optimizer or argument, where it needs a package or a
    device that there is not, or second derivatives, which the closure does not give.
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
    info = timm.optim.get_optimizer_info(name)
    if info.second_order:
        raise ValueError(f"name={name} needs second derivatives of the loss, which no run computes")
    check(arguments, info.opt_class)
    seen = {"momentum": info.has_momentum, "eps": info.has_eps, "betas": info.has_betas}
    seen |= {"foreach": True}
    for key in arguments:  # the factory drops some, and has others for groups of its own
        if not seen.get(
            key, key not in inspect.signature(timm.optim.create_optimizer_v2).parameters
        ):
            raise ValueError(f"arguments.{key}: {name} of timm would not see it")
    try:
        optimizer: torch.optim.Optimizer = timm.optim.create_optimizer_v2(
            params, opt=name, lr=lr, weight_decay=weight_decay, **arguments
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"arguments={dict(arguments)}: {name} of timm: {error}") from None
    except (AssertionError, ImportError) as error:  # of apex and bitsandbytes
        raise ValueError(f"name={name} of timm does not run here: {error}") from None
    return optimizer
