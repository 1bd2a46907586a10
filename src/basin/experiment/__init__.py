"""From a configuration to a run: the only package that imports Hydra."""
