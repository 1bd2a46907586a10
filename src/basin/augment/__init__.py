"""Augmentations of a minibatch, on its device, from counter-based draws."""
