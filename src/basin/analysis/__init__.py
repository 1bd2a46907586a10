"""Analyses of training and of trained networks: they measure, and change no run."""
