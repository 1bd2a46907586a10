"""Prototypes of awkward methods that prove the seams (docs/adr/0001); tests only, not for users."""
