"""The loop, the closure and what surrounds them. Imports core only."""
