"""Any classifier of torchvision by its name, with a head of any size."""

from __future__ import annotations

from difflib import get_close_matches

from torch import nn

RESIDUAL = ("resnet", "resnext", "wide_resnet")
"""Beginnings of the names of torchvision's networks that know zero_init_residual."""


def network(
    *, num_classes: int, in_channels: int, name: str, zero_init_residual: bool | None
) -> nn.Module:
    """torchvision.models' `name`, freshly initialised as torchvision does, without auxiliary heads.

    zero_init_residual: the last BN scale of each block begins at 0; null: as torchvision, at 1.
    Raises ValueError where there is no such classifier, or images are not in colour.
    """
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        near = get_close_matches(name, known, 3) or known[:3]
        raise ValueError(
            f"name={name!r} is no classifier of torchvision; did you mean {' or '.join(near)}?"
        )
    if in_channels != 3:
        raise ValueError(
            f"name={name!r} takes images of 3 channels, and the data set's have {in_channels};"
            " take model=timm or one of basin's own"
        )
    inception = {"aux_logits": False, "init_weights": True}
    own = inception if name in ("googlenet", "inception_v3") else {}
    if zero_init_residual is not None:
        if not name.startswith(RESIDUAL):
            raise ValueError(
                f"zero_init_residual={zero_init_residual} is of torchvision's ResNets, ResNeXts and"
                f" wide ResNets, and {name} is none of them; leave it null"
            )
        own = {"zero_init_residual": zero_init_residual}
    built: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **own)
    return built
