"""Optimizers and wrappers, one method a file."""
