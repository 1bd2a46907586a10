"""What trained networks tell of their loss: curves, planes, spectra."""
