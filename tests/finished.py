"""Folders of runs that are finished without having been trained."""

from pathlib import Path

import numpy as np
import torch
from test_configs import settings_of

from basin.experiment import build
from basin.experiment.folder import RunFolder

DIGITS = [
    *("experiment=quickstart", "dataset.limit_train=64", "batch_size=32", "device=cpu"),
    *("logger=none", "runtime.threads=1"),
]


def finished(folder, name, *overrides, seed=0, classes=10, channels=1) -> Path:
    """A run of `overrides` whose solution `last` is the network as it is drawn with a seed."""
    settings, _ = settings_of(*overrides)
    run = RunFolder(str(folder), name)
    run.create()
    torch.manual_seed(seed)
    network = build.model(settings, num_classes=classes, in_channels=channels)
    run.write_tensors("last.safetensors", network.state_dict())
    run.write_tensors("logits.safetensors", {"last": torch.zeros(2, 2)})
    run.write_configuration(settings)
    facts = {"classes": [str(k) for k in range(classes)], "shape": [channels], "test": 2}
    run.write_record({"results": {}, "cost": {}, "environment": {}, "dataset": facts})
    return run.path


def arrays(file):
    """What an .npz file holds."""
    with np.load(file) as content:
        return dict(content)
