"""What is known of an optimizer that decides by measured decreases of the loss."""

from __future__ import annotations

FORMATS = ("fp64", "fp32")
"""In which a decrease of a thousandth of the loss is more than rounding."""


class Measuring:
    """Marks an optimizer that holds each step against the loss that it changed.

    Its gradients have to be those of the losses that the closure gives, and the losses precise.
    """
