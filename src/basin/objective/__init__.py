"""Objectives: (logits, targets) -> per-example losses."""
