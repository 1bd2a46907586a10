"""Data sets: factories that return a core.protocols.Dataset."""
