"""The parts of tune.py: its command line and its workers."""

from importlib.util import find_spec

if find_spec("optuna") is None:
    raise SystemExit('error: tune.py needs Optuna: pip install -e ".[tune]"')
