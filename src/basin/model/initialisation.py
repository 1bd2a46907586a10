"""Initial weights that papers and ports of one network choose differently.

He et al. 2015 (arXiv:1502.01852), eq. 10 (fan-in) and 14 (fan-out): N(0, 2 / fan).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

CONV_INIT = ("fan_in", "fan_out", "default")
BN_WEIGHT_INIT = ("ones", "uniform")
LINEAR_INIT = ("uniform_fan_in_zero_bias", "uniform_fan_out_zero_bias", "kaiming", "default")


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError where a switch has a position that it lacks."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is not one of {', '.join(allowed)}")


def initialise_(
    model: nn.Module, *, conv_init: str, bn_weight_init: str, linear_init: str
) -> nn.Module:
    """Set all weights of a network from torch's global generator; returns it.

    conv_init: N(0, 2/fan_in) or N(0, 2/fan_out) with biases 0, or torch's own.
    bn_weight_init: 1, or U(0, 1) as in Torch and in PyTorch before 1.2. BN biases are 0.
    linear_init: U(+-1/sqrt(fan_in)) (Torch), U(+-1/sqrt(fan_out)) (SAM's code), or N(0, 2/fan_in),
    biases 0; or torch's own.
    """
    check_choice("conv_init", conv_init, CONV_INIT)
    check_choice("bn_weight_init", bn_weight_init, BN_WEIGHT_INIT)
    check_choice("linear_init", linear_init, LINEAR_INIT)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            _initialise_conv_(layer, conv_init)
        elif isinstance(layer, nn.BatchNorm2d) and bn_weight_init == "uniform":
            nn.init.uniform_(layer.weight)
        elif isinstance(layer, nn.Linear):
            _initialise_linear_(layer, linear_init)
    return model


def _initialise_conv_(layer: nn.Conv2d, conv_init: str) -> None:
    if conv_init == "default":
        return
    mode: Literal["fan_in", "fan_out"] = "fan_in" if conv_init == "fan_in" else "fan_out"
    nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _initialise_linear_(layer: nn.Linear, linear_init: str) -> None:
    if linear_init == "default":
        return
    if linear_init == "kaiming":
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        fan = layer.in_features if linear_init.startswith("uniform_fan_in") else layer.out_features
        bound = fan**-0.5
        nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.zeros_(layer.bias)
