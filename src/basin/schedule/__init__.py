"""Schedules: t epochs -> dimensionless factor, one a file."""
