"""What scripts/golden.py records and compares."""
