"""Command lines of the form `field=value`, as train.py's, for scripts that read finished runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

Options = TypeVar("Options")


def parsed(kind: type[Options], arguments: Sequence[str]) -> Options:
    """An object of a dataclass from its defaults and words `field=value`.

    Raises ValueError for a word without `=`, an unknown field, a value of another type, and a
    field without default that is not given.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for word in arguments:
        name, equals, _ = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not of the form field=value")
        if name not in known:
            raise ValueError(f"{name} is not an option; there are {', '.join(known)}")
    try:
        given = OmegaConf.from_cli(list(arguments))
        merged = OmegaConf.merge(OmegaConf.structured(kind), given)
        missing = [name for name in known if OmegaConf.is_missing(merged, name)]
        if missing:
            raise ValueError(f"{missing[0]}= is needed; --help says what it is")
        options: Any = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ValueError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    return options


def command(
    kind: type[Options],
    run: Callable[[Options], None],
    documentation: str,
    arguments: Sequence[str] | None,
) -> int:
    """Run a script's command line; errors of the user's are one line. Returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or {"-h", "--help"} & set(words):
        print(documentation.strip())
        return 0
    try:
        run(parsed(kind, words))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


__all__ = ["MISSING", "command", "parsed"]
