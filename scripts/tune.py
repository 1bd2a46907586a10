"""Search over configurations, with successive halving, Hyperband or ASHA, on Optuna.

    python scripts/tune.py search=NAME [field=value ...] [-- WORDS]
    python scripts/tune.py action=report study=NAME [final=STUDY]

search         a file of configs/tune, or a path: space, scheduler, rungs, mode of the learning rate
field=value    in place of a field of that file: scheduler=asha mode=truncated_full seed=1
action         run (default): work on the study until it is over, and report; given again, at any
               time, it is one more worker; work: without the report; report: the report alone
study          its name; the default is made of search, scheduler, mode and seed
storage        a journal file, or a URL of Optuna's: sqlite:///..., postgresql://..., redis://...
folder         of studies' folders: results/searches
workers        processes on each device of this machine; the default is this process alone
final          a study whose last rung says how good a configuration is; the default is this one
out            folder of report.json, report.md and pictures; the default is the study's folder
-- WORDS       for train.py: device=cuda, logger=none, results=..., dataset.root=...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from tuning.request import CONFIGS, Request, parse
from tuning.working import work, work_together

from basin.core.files import write_atomically, write_json
from basin.experiment.errors import explain
from basin.experiment.job import Stopped, tell
from basin.launch.lock import LostLock
from basin.tune.opening import STORAGE_ERRORS, first_line, open_storage
from basin.tune.outcome import found, outcome
from basin.tune.pictures import draw_all
from basin.tune.storage import existing
from basin.tune.text import report


def show(request: Request) -> None:
    """Write the report of a study, and print it."""
    storage = open_storage(request.storage, request.folder, new=False)
    here = existing(storage, request.study)
    final = None
    if request.final is not None:
        beside = request.folder.parent / request.final
        other = storage if request.storage else open_storage(None, beside, new=False)
        final = found(existing(other, request.final))
    content = outcome(found(here), final)
    request.out.mkdir(parents=True, exist_ok=True)
    write_json(request.out / "report.json", content)
    text = report(content)
    write_atomically(request.out / "report.md", text)
    drawn = draw_all(content, here.configurations, request.out)
    print(text)
    print(f"{request.out}: report.json, report.md, {', '.join(file.name for file in drawn)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(given):
        print(__doc__)
        return 0
    words: Sequence[str] = ()
    try:
        request = parse(given)
        words = request.search.overrides if request.search else ()
        code = 0
        if request.action != "report":
            code = work(request) if request.workers is None else work_together(request)
        if request.action != "work" and code == 0:
            show(request)
    except Stopped as stopped:
        tell("stopped; the same command continues")
        return stopped.code
    except KeyboardInterrupt:
        return 130
    except STORAGE_ERRORS as error:
        print(f"error: the study's storage: {first_line(error)}", file=sys.stderr)
        return 1
    except (OSError, ValueError, LostLock, HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error, str(CONFIGS), words)}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
