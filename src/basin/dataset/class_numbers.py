"""Classes as users name them: by the data set's names, or by numbers."""

from __future__ import annotations

from collections.abc import Sequence


def number(one: str | int, classes: Sequence[str], *, option: str) -> int:
    """The number of a class; ValueError, beginning with the option, where there is none."""
    if isinstance(one, str) and one in classes:
        return list(classes).index(one)
    if str(one).isdigit() and int(one) < len(classes):
        return int(one)
    raise ValueError(
        f"{option}: {one!r} is no class; they are {', '.join(classes[:12])}"
        f"{' ...' if len(classes) > 12 else ''}, or numbers below {len(classes)}"
    )
