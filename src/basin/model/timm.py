"""Any model of timm by its name, with a head of any size."""

from __future__ import annotations

from difflib import get_close_matches

from torch import nn


def network(
    *,
    num_classes: int,
    in_channels: int,
    name: str,
    pretrained: bool,
    weights: str | None,
    dropout: float,
) -> nn.Module:
    """timm's `name`, whose head is replaced where `num_classes` is not its own.

    pretrained: with timm's weights, from its hub or cache. weights: from a local file of them
    (.safetensors, .pth or .bin) instead. dropout: before the head.
    Raises ValueError where there is no such model.
    """
    import timm

    if not timm.is_model(name):
        known = timm.list_models()
        near = get_close_matches(name, known, 3) or known[:3]
        raise ValueError(f"name={name!r} is no model of timm; did you mean {' or '.join(near)}?")
    local = {} if weights is None else {"pretrained_cfg_overlay": {"file": weights}}
    built: nn.Module = timm.create_model(
        name,
        pretrained=pretrained or weights is not None,
        num_classes=num_classes,
        in_chans=in_channels,
        drop_rate=dropout,
        **local,
    )
    return built
