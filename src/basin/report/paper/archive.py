"""Every run that a results folder knows of, by identity and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from basin.report.paper.collected import read_run
from basin.report.paper.records import NAME, Record, Unreadable, read_record


@dataclass
class Archive:
    """Every record there is, by identity and seed; a committed one comes before a run folder."""

    records: dict[tuple[str, int], Record] = field(default_factory=dict)
    unfinished: dict[tuple[str, int], Path] = field(default_factory=dict)  # run folders
    unreadable: dict[str, str] = field(default_factory=dict)  # what is wrong, by a run's name

    def add(self, record: Record) -> None:
        """Keep the first of each run; but a failed one gives way to one that did not fail."""
        key = (record.head["identity"], record.seed)
        kept = self.records.get(key)
        if kept is None or (kept.failed and not record.failed):
            self.records[key] = record

    def read(self, name: str, source: Path, reader: Callable[[Path], Record | None]) -> bool:
        """Keep what a file or folder has; whether it has ended. A bad one hides no other."""
        try:
            record = reader(source)
        except Unreadable as error:
            self.unreadable[name] = str(error)
            return True
        if record is not None:
            self.add(record)
        return record is not None

    def stale(self, experiment: str, overrides: tuple[str, ...], identity: str) -> list[Record]:
        """Records that were collected for this point when it was another run."""
        return [
            record
            for record in self._by_point.get((experiment, overrides), ())
            if record.head["identity"] != identity
        ]

    @cached_property
    def _by_point(self) -> dict[tuple[str, tuple[str, ...]], list[Record]]:
        found: dict[tuple[str, tuple[str, ...]], list[Record]] = {}
        for record in self.records.values():
            for point in record.head.get("cells", ()):
                key = (point["experiment"], tuple(point["overrides"]))
                found.setdefault(key, []).append(record)
        return found


def read_archive(results: Path) -> Archive:
    """What lies in records/ and runs/ of a results folder."""
    archive = Archive()
    for file in sorted((results / "records").rglob("*.json"), key=str):
        archive.read(file.stem, file, read_record)
    for folder in _folders(results / "runs"):
        match = NAME.fullmatch(folder.name)
        if match is None:
            continue
        if not archive.read(folder.name, folder, read_run):
            archive.unfinished[match["identity"], int(match["seed"])] = folder
    return archive


def _folders(runs: Path) -> Iterator[Path]:
    if runs.is_dir():
        yield from sorted(path for path in runs.iterdir() if path.is_dir())
