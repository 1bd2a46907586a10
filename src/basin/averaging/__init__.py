"""Averages and ensembles of iterates, one a file."""
