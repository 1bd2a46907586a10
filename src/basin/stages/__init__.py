"""What a stage does to the model that the one before it leaves."""
