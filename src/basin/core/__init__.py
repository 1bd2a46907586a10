"""The four seams and the pieces that every part shares. Imports torch only."""
