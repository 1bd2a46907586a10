"""Reads a pickled data set without running code: arrays of numbers and plain containers only."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np


def _dtype(spec: Any, align: int = 0, copy: int = 0) -> np.dtype[Any]:
    """numpy.dtype for numbers; Python 2 gave its flags as integers, of which numpy 2.4 can warn."""
    dtype = np.dtype(spec, bool(align), bool(copy))
    if dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"it holds an array of {dtype}, which is no plain number")
    return dtype


# numpy's own makers of arrays and scalars, asked of numpy because their module moved in numpy 2.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]

ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, and only numpy arrays and plain containers are"
                " admitted; do not trust this file"
            )
        return ADMITTED[module, name]


def unpickle(content: bytes, path: Path) -> Any:
    """The object that `content`, read from `path`, holds; strings of Python 2 become str."""
    try:
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # damaged opcodes raise nearly anything
        raise ValueError(f"{path} is refused: {error}") from error
