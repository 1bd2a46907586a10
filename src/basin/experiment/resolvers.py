"""What configurations may compute, in `${name:...}`."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf


def register_resolvers() -> None:
    """Make `ratio` (a / b), `share` (a b) and `twice` known to OmegaConf. Safe to call again."""
    OmegaConf.register_new_resolver("ratio", lambda a, b: float(a) / float(b), replace=True)
    OmegaConf.register_new_resolver("share", share, replace=True)
    OmegaConf.register_new_resolver("twice", twice, replace=True)


def share(part: Any, whole: Any) -> float:
    """`${share:0.75,${epochs}}`: a part of a length in epochs."""
    try:
        return float(part) * float(whole)
    except ValueError:
        raise ValueError(
            f"{part} of epochs={whole}: these stages are parts of the epochs of the run, which are"
            " then to be a number; or give the epochs of each stage"
        ) from None


def twice(length: Any) -> Any:
    """Of a duration, a number or such as `500 steps`; null of null."""
    if isinstance(length, str):
        number, _, unit = length.strip().partition(" ")
        return f"{2 * float(number):g} {unit}"
    return None if length is None else 2 * length
