"""Multi-fidelity search on Optuna: which configuration trains next, and for how long."""
