"""Any model of timm by its name, with a head of any size."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch
from torch import nn

from basin.core.weights_file import WeightsFile

OWN = {
    "model_name": "name",
    "num_classes": "the data set",
    "in_chans": "the data set",
    "drop_rate": "dropout",
    "pretrained": "pretrained",
    "checkpoint_path": "weights",
    "pretrained_cfg_overlay": "weights",
}
"""Arguments of timm that are set here, and by what."""


def network(
    *,
    num_classes: int,
    in_channels: int,
    name: str,
    pretrained: bool,
    weights: str | None,
    sha256: str | None,
    md5: str | None,
    dropout: float,
    arguments: Mapping[str, Any],
) -> nn.Module:
    """timm's `name`, whose head is replaced where `num_classes` is not its own.

    pretrained: with timm's weights, from its hub or cache. weights: from a local file of them
    (.safetensors, .pth or .bin) instead. sha256, md5: of that file, None: not checked. dropout:
    before the head. arguments: further ones of timm.create_model and of the model, such as
    drop_path_rate.
    Raises ValueError where there is no such model, file or argument.
    """
    import timm

    if not timm.is_model(name):
        known = timm.list_models()
        near = get_close_matches(name, known, 3) or known[:3]
        raise ValueError(f"name={name!r} is no model of timm; did you mean {' or '.join(near)}?")
    for key in OWN.keys() & arguments.keys():
        raise ValueError(f"arguments.{key} is set by {OWN[key]}; remove it from arguments=")
    checked_only = torch.empty(0).is_meta  # a check builds without the numbers, and fetches none
    source: dict[str, Any] = {}
    classes = num_classes
    if weights is not None and not Path(weights).expanduser().is_file():
        raise ValueError(f"weights={weights} is no file; pretrained=true takes timm's own")
    file = WeightsFile(weights, sha256=sha256, md5=md5)
    if file.given and not checked_only:
        source, classes = _local(name, file.fetched(), num_classes)
    try:
        built = timm.create_model(
            name,
            pretrained=(pretrained or weights is not None) and not checked_only,
            num_classes=classes,
            in_chans=in_channels,
            drop_rate=dropout,
            **source,
            **arguments,
        )
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"timm cannot build {name}: {error}") from error
    if classes != num_classes:
        built.reset_classifier(num_classes)
    return cast(nn.Module, built)


def _local(name: str, path: Path, num_classes: int) -> tuple[dict[str, Any], int]:
    """Arguments of timm for a file's tensors, and the classes of its head.

    With a head of another size timm leaves out whatever does not fit, without an error; built with
    the file's own size, every tensor must.
    """
    import timm
    from timm.models import load_state_dict

    try:
        tensors = load_state_dict(str(path), use_ema=False)
    except (RuntimeError, ValueError, UnpicklingError, EOFError) as error:
        raise ValueError(f"weights={path} cannot be read: {error}") from error
    classifier = timm.get_pretrained_cfg(name).classifier
    first = classifier if isinstance(classifier, str) else next(iter(classifier or ()), None)
    bias = tensors.get(f"{first}.bias")
    classes = num_classes if bias is None else len(bias)
    overlay = {"state_dict": tensors, "num_classes": classes}
    return {"pretrained_cfg_overlay": overlay}, classes
