"""The parts of tune.py: its command line and its workers."""
