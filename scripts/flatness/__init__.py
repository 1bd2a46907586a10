"""What sharpness.py does: measures of one solution, rays from two, correlation over runs."""
