"""A point frozen in its run folder, and the job that trains it: the payload of every launcher."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

import basin
from basin.core.files import write_atomically
from basin.experiment.group import ToldByRank0
from basin.experiment.job import tell
from basin.experiment.members import Membership
from basin.experiment.point import Point
from basin.experiment.run import run_point
from basin.experiment.schema import register
from basin.launch.lock import LostLock, RunningElsewhere
from basin.launch.place import place
from basin.launch.status import Status, read_status

NAME = "frozen.yaml"


def freeze(point: Point) -> Path:
    """Write a point into its folder, with the folder that its relative paths begin at.

    Raises ValueError where the run's folder cannot be written.
    """
    point.folder.create()
    folder = point.folder.path.resolve()
    content = {**asdict(point), "cwd": str(Path.cwd())}
    content["settings"]["results"] = str(folder.parent)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # twenty times as fast, where it is
    write_atomically(folder / NAME, yaml.dump(content, Dumper=dumper, sort_keys=False))
    return folder


def thaw(folder: Path) -> Point:
    """The inverse, in the working directory of `freeze`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load((folder / NAME).read_text(), Loader=loader)
    os.chdir(content.pop("cwd"))
    return Point(**content)


@dataclass(frozen=True)
class FrozenJob:
    """What a job does: plain values, so that any launcher can carry it."""

    folder: str  # of the run, absolute
    snapshot: str | None  # the code that it was frozen with; None: whatever is imported

    def __call__(self, membership: Membership | None = None) -> str:
        """Train; rank 0 returns `done` or `running elsewhere`. What fails is in status.json too.

        membership: None for a run that has its process to itself.
        """
        folder = Path(self.folder)
        try:
            self._check_code()
            register()
            point = thaw(folder)
            if point.name != folder.name:
                raise ValueError(
                    f"{folder} was frozen by another version: this one calls it {point.name};"
                    " give the sweep's command again"
                )
            run_point(point, sequel=False, membership=membership)
        except ToldByRank0:
            return "as rank 0 says"
        except RunningElsewhere as error:
            tell(f"running elsewhere: {error}")
            return "running elsewhere"
        except LostLock:
            raise
        except Exception as error:
            if place().rank == 0:
                _note(folder, error)
            raise
        return "done"

    def _check_code(self) -> None:
        code = Path(basin.__file__).resolve()
        if self.snapshot and not code.is_relative_to(Path(self.snapshot).resolve()):
            raise RuntimeError(
                f"basin is imported from {code.parent}, not from the code that this run was frozen"
                f" with ({self.snapshot}): something puts another folder before PYTHONPATH"
            )


def _note(folder: Path, error: Exception) -> None:
    """Keep an error that came before the run had a status of its own."""
    status = read_status(folder) or {}
    if (status.get("state"), status.get("pid")) != ("failed", os.getpid()):
        Status(folder).failed(error)
