"""Numbers of an analysis as an .npz file, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from basin.core.files import atomically


def write_arrays(file: Path, arrays: Mapping[str, Any]) -> None:
    """Named arrays and numbers, as np.load reads them."""
    with atomically(file) as opened:
        np.savez(opened, **dict(arrays))


def beside(out: str, suffix: str) -> Path:
    """OUT with a suffix after whatever OUT is; ValueError where its folder is not there."""
    path = Path(out)
    if not path.parent.is_dir():
        raise ValueError(f"out={out}: there is no folder {path.parent}")
    return path.with_name(f"{path.name}{suffix}")
