"""Sweeps by what people call them: a folder, its name, or the experiment that it is of."""

from __future__ import annotations

from pathlib import Path

from basin.launch.table import NAME, Row, read_table

ROOT = Path("results/sweeps")


def sweeps(name: str | None, root: Path) -> list[Path]:
    """Folders of the sweeps that are meant, oldest first; of all for None.

    Raises ValueError, naming what there is, where none is.
    """
    if name is not None and (Path(name) / NAME).is_file():
        return [Path(name)]
    there = sorted(root.glob(f"*/{NAME}"), key=lambda path: path.stat().st_mtime)
    folders = [path.parent for path in there]
    if name is not None:
        title = name.rstrip("/").replace("/", "_")
        found = [f for f in folders if title in (f.name, f.name.rpartition("-")[0])]
        if not found:
            names = ", ".join(folder.name for folder in folders) or "none"
            raise ValueError(
                f"{name} is neither the folder nor the name of a sweep, nor an experiment that one"
                f" is of (in {root}: {names})"
            )
        return found
    if not folders:
        raise ValueError(f"there are no sweeps in {root}; give --sweeps FOLDER")
    return folders


def rows_of(folders: list[Path]) -> list[Row]:
    """The points of sweeps in order; one that several share stands once."""
    rows = [row for folder in folders for row in read_table(folder).rows]
    return list({row.folder: row for row in rows}.values())
