"""The code of queued runs, copied: what is edited later changes nothing that waits.

A snapshot is named by its content, so that sweeps of the same code share one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

PARTS = ("train.py", "src", "configs")
"""What is copied: of a git checkout its tracked and its untracked, not ignored files."""
ORIGIN = "snapshot.json"
DIGITS = 16


def take(root: Path, store: Path, origin: dict[str, Any]) -> Path:
    """Copy the code of a checkout into `store`, unless it is there; returns its folder.

    origin: what is known of where the code comes from (commit, diff), kept beside it.
    Raises ValueError where `root` is no checkout.
    """
    if not (root / "train.py").is_file():
        raise ValueError(
            f"there is no train.py in {root}, so that its code cannot be copied for jobs that"
            " start later; run train.py from a checkout, or pass runtime.snapshot=false"
        )
    names = sorted(name for name in _files(root) if (root / name).is_file())
    place = store.resolve() / _digest(root, names)
    if place.is_dir():
        return place
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=".partial-") as partial:
        copy = Path(partial) / "code"
        for name in names:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
        (copy / ORIGIN).write_text(json.dumps(origin))
        try:
            copy.rename(place)
        except OSError:
            if not place.is_dir():  # else another sweep was faster
                raise
    return place


def origin_of(root: Path) -> dict[str, Any] | None:
    """What `take` was told of the code in a folder; None where that is no snapshot."""
    try:
        origin: dict[str, Any] = json.loads((root / ORIGIN).read_text())
    except FileNotFoundError:
        return None
    return origin


def _files(root: Path) -> list[str]:
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others"]
        with suppress(OSError, subprocess.CalledProcessError):  # no git here, or not for this user
            listing = subprocess.run(
                [*command, "--exclude-standard", "--", *PARTS], capture_output=True, check=True
            )
            return [name.decode() for name in listing.stdout.split(b"\0") if name]
    below = [path for part in PARTS[1:] for path in (root / part).rglob("*")]
    cached = ("__pycache__", ".egg-info")
    names = [str(path.relative_to(root)) for path in below]
    return [PARTS[0], *(name for name in names if not any(word in name for word in cached))]


def _digest(root: Path, names: list[str]) -> str:
    """Of paths and contents."""
    total = hashlib.sha256()
    for name in names:
        total.update(f"{name}\0{hashlib.sha256((root / name).read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()[:DIGITS]
