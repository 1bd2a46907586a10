"""basin: image-classification training experiments in one loop, where every method composes."""

__version__ = "0.1.0"

NUMERICS = 3
"""Raised by every CHANGELOG entry tagged [numbers]; part of a run's identity."""
