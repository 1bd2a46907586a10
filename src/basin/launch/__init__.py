"""Where and how runs start: locks, status."""
