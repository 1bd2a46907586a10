"""Small BiTs and .npz files with the names and shapes of the authors'."""

import numpy as np

from basin.model.bit import BigTransfer

LAYERS = (1, 2, 1, 1)
KERNEL = "standardized_conv2d/kernel"


def model(**changes):
    settings = {
        **{"num_classes": 5, "in_channels": 3, "layers": LAYERS, "width": 1, "weights": None},
        **{"sha256": None, "md5": None, "head": "zero"},
        **{"conv_init": "default", "linear_init": "default"},
    }
    return BigTransfer(**{**settings, **changes})


def official_shapes(layers, width, classes):
    """The names and shapes of the authors' files, written down from their loader."""
    shapes = {f"resnet/root_block/{KERNEL}": (7, 7, 3, 64 * width)}
    inside = 64 * width
    for block, units in enumerate(layers, 1):
        outside, middle = 128 * 2**block * width, 32 * 2**block * width
        for unit in range(1, units + 1):
            place = f"resnet/block{block}/unit{unit:02d}"
            shapes[f"{place}/a/{KERNEL}"] = (1, 1, inside, middle)
            shapes[f"{place}/b/{KERNEL}"] = (3, 3, middle, middle)
            shapes[f"{place}/c/{KERNEL}"] = (1, 1, middle, outside)
            if unit == 1:
                shapes[f"{place}/a/proj/{KERNEL}"] = (1, 1, inside, outside)
            for letter, channels in (("a", inside), ("b", middle), ("c", middle)):
                shapes[f"{place}/{letter}/group_norm/gamma"] = (channels,)
                shapes[f"{place}/{letter}/group_norm/beta"] = (channels,)
            inside = outside
    shapes |= {"resnet/group_norm/gamma": (inside,), "resnet/group_norm/beta": (inside,)}
    shapes["resnet/head/conv2d/kernel"] = (1, 1, inside, classes)
    return {**shapes, "resnet/head/conv2d/bias": (classes,)}


def official_values(classes):
    generator = np.random.default_rng(0)
    return {
        name: generator.standard_normal(shape, dtype=np.float32)
        for name, shape in official_shapes(LAYERS, 1, classes).items()
    }


def write(path, classes):
    """Normal numbers for every tensor."""
    np.savez(path, **official_values(classes))
    return path
