"""Where the lines of a run go."""
