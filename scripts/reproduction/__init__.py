"""What scripts/reproduce.py does."""
