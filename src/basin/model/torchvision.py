"""Any classifier of torchvision by its name, with a head of any size."""

from __future__ import annotations

from difflib import get_close_matches

from torch import nn


def network(*, num_classes: int, in_channels: int, name: str) -> nn.Module:
    """torchvision.models' `name`, freshly initialised as torchvision does, without auxiliary heads.

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
    built: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **own)
    return built
