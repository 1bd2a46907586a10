"""A table of runs as text: what each is doing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from basin.launch.state import RunState
from basin.launch.table import Row
from basin.launch.wait import counted

HEAD = ("#", "point", "job", "state", "epoch", "time left", "score", "remark")


def overview(rows: Sequence[Row], states: Sequence[RunState]) -> str:
    """A line a state, with the number and the label of its row, and a line of counts."""
    names = {Path(row.folder): (str(n), row.label) for n, row in enumerate(rows, start=1)}
    lines = [HEAD, *((*names[now.folder], *_cells(now)) for now in states)]
    shown = [c for c in range(len(HEAD)) if any(line[c] for line in lines[1:])]
    widths = {c: max(len(line[c]) for line in lines) for c in shown}
    text = ["  ".join(line[c].ljust(widths[c]) for c in shown).rstrip() for line in lines]
    return "\n".join([*text, f"{len(states)} points: {counted(states)}"])


def _cells(now: RunState) -> tuple[str, ...]:
    epoch, epochs = now.status.get("epoch"), now.status.get("epochs")
    started = epoch is not None and epochs is not None and now.state != "queued"
    left = now.status.get("seconds_left") if now.state == "running" else None
    return (
        now.submission.job if now.submission else "",
        now.state,
        f"{epoch:.1f} of {epochs:g}" if started else "",
        "" if left is None else duration(left),
        str(now.status.get("score") or ""),
        now.note,
    )


def duration(seconds: float) -> str:
    """`1:02:03`, hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
