"""What configurations may compute, in `${name:...}`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from math import inf, sqrt
from typing import Any

from omegaconf import OmegaConf

ROUNDING = 1e-9
"""Of a length: what a sum of cycles may be beyond the end that it is."""


def register_resolvers() -> None:
    """Make `ratio` (a / b), `share` (a b), `times`, `twice`, `cycle_ends` and scaling rules known.

    Safe to call again.
    """
    for name, (function, form) in RESOLVERS.items():
        resolver = _named(name, function, form)
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def _named(name: str, function: Callable[..., Any], form: str) -> Callable[..., Any]:
    """The function, whose errors say which interpolation they are of, and what its form is."""

    @wraps(function)  # OmegaConf reads from the signature whether to give it _root_
    def resolver(*values: Any, **known: Any) -> Any:
        written = f"${{{name}:{','.join(map(str, values))}}}"
        try:
            signature(function).bind(*values, **known)
        except TypeError:
            raise ValueError(
                f"{written} has not as many values as it needs; its form is {form}"
            ) from None
        try:
            return function(*values, **known)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ValueError(f"{written}: {error}; its form is {form}") from None

    return resolver


def ratio(a: Any, b: Any) -> float:
    """`${ratio:0.01,${optimizer.lr}}`: a / b."""
    return float(a) / float(b)


def linear_scaled(rate: Any, reference: Any, *, _root_: Any) -> float:
    """`lr='${linear_scaled:0.1,256}'`: rate B / reference at batch_size B.

    Goyal et al. 2017 (arXiv:1706.02677), for SGD; rate: of a batch of `reference` images.
    """
    own, share = _of_batch(rate, reference, _root_.batch_size)
    return own * share


def sqrt_scaled(rate: Any, reference: Any, *, _root_: Any) -> float:
    """`lr='${sqrt_scaled:0.001,256}'`: rate sqrt(B / reference) at batch_size B.

    Krizhevsky 2014 (arXiv:1404.5997); what is used with Adam and LAMB.
    """
    own, share = _of_batch(rate, reference, _root_.batch_size)
    return own * sqrt(share)


def _of_batch(rate: Any, reference: Any, batch_size: int) -> tuple[float, float]:
    """The rate, and the batch in batches of the reference; ValueError where one is none."""
    for name, value, whole in (("rate", rate, False), ("reference batch", reference, True)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and 0 < value < inf and not (whole and value % 1)):
            raise ValueError(
                f"the {name} {value!r} is not a {'whole ' if whole else ''}number above 0; give the"
                " rate and the batch size that it was tuned for"
            )
    return float(rate), batch_size / reference


def times(factor: Any, count: Any) -> int:
    """`${times:5,${batch_size}}`: so many times as much; ValueError where it is not whole."""
    product = float(factor) * float(count)
    if abs(product - round(product)) > ROUNDING * abs(product):
        raise ValueError(f"{factor} times {count} is {product:g}, and no whole number")
    return round(product)


def share(part: Any, whole: Any) -> float:
    """`${share:0.75,${epochs}}`: a part of a length in epochs."""
    try:
        return float(part) * float(whole)
    except ValueError:
        raise ValueError(
            f"{part} of epochs={whole}: these stages are parts of the epochs of the run, which are"
            " then to be a number; or give the epochs of each stage"
        ) from None


def cycle_ends(first: Any, multiplier: Any, epochs: Any) -> list[Any] | None:
    """Ends, up to `epochs`, of cycles of first, first multiplier, ... in the unit of both lengths.

    null where there are no cycles, or the two have different units.
    """
    (length, unit), (total, other) = _measured(first), _measured(epochs)
    if unit != other or not isinstance(multiplier, int | float) or not 0 < length <= total:
        return None
    ends, end = [], 0.0
    while multiplier >= 1 and (end := end + length) <= total * (1 + ROUNDING):
        ends.append(f"{_whole(end)} {unit}s" if unit else _whole(end))
        length *= multiplier
    return ends


def _whole(number: float) -> float:
    """As an integer where it is one, so that it is written without a fraction or an exponent."""
    return int(number) if number == int(number) else number


def _measured(length: Any) -> tuple[float, str]:
    """A duration's number and unit; 0 of what is none."""
    number, _, unit = str(length).strip().partition(" ")
    try:
        return float(number), unit.strip().rstrip("s")
    except ValueError:
        return 0.0, ""


def twice(length: Any) -> Any:
    """Of a duration, a number or such as `500 steps`; null of null."""
    if isinstance(length, str):
        number, _, unit = length.strip().partition(" ")
        return f"{_whole(2 * float(number))} {unit}"
    return None if length is None else 2 * length


RESOLVERS: dict[str, tuple[Callable[..., Any], str]] = {
    "ratio": (ratio, "${ratio:0.01,0.1}, one number over another"),
    "share": (share, "${share:0.75,${epochs}}"),
    "times": (times, "${times:5,${batch_size}}"),
    "twice": (twice, "${twice:${epochs}}"),
    "cycle_ends": (cycle_ends, "${cycle_ends:10,2,${epochs}}"),
    "linear_scaled": (linear_scaled, "${linear_scaled:0.1,256}"),
    "sqrt_scaled": (sqrt_scaled, "${sqrt_scaled:0.001,256}"),
}
"""By name, each with an example of its form."""
