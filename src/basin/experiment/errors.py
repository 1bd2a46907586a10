"""What a user reads when a configuration is refused: one error, with the nearest valid name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from textwrap import fill
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from basin.experiment.help import GROUPS
from basin.experiment.points import BadPoints
from basin.experiment.schema import RENAMED, STAGE, UnknownField

CHOICE = re.compile(rf"({'|'.join(GROUPS)})(@[\w.]+)?=\w+|hydra\.searchpath=.*")
"""Words of a command line that choose an option of a group."""
OVERRIDE = re.compile(r"Could not (?:override|append to config)[^']*'\+*([^'=]+)'")
STAGE_FIELD = re.compile(rf"stages\.\w+(\.({'|'.join(STAGE)})(\.[\w.]+)?)?")


def explain(error: BaseException, configs: str) -> str:
    """One readable message for an error that stopped a run."""
    if isinstance(error, BadPoints):
        return _points(error, configs)
    if isinstance(error, UnknownField):
        return unknown(str(error), configs)
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return _configuration(error, configs)
    return str(error) or type(error).__name__


def unknown(key: str, configs: str) -> str:
    """A key that no configuration has, with the ones that may have been meant."""
    if key in RENAMED:
        return f"{key} is now called {RENAMED[key]}."
    if key == "stages":
        return "stages=OPTION chooses an option; '+stages.NAME={...}' adds a stage."
    if STAGE_FIELD.fullmatch(key) or "@" in key:
        return f"{key} is not there: write +{key}=... to add it."
    near = nearest(key, keys(configs))
    hint = f"Did you mean {' or '.join(near)}?" if near else "See python train.py --help."
    return f"{key} is not a field of this configuration. {hint}"


def nearest(key: str, valid: list[str]) -> list[str]:
    """Valid keys that a misspelt one may have meant: the same last name first, then by spelling."""
    last = key.rsplit(".", 1)[-1]
    same = [name for name in valid if name.rsplit(".", 1)[-1] == last]
    return (same or get_close_matches(key, valid, 3, 0.6))[:3]


def keys(configs: str) -> list[str]:
    """Every dotted key of the configuration that the command line's groups make."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(configs, version_base="1.3"):
        try:
            cfg = compose("config", [word for word in sys.argv[1:] if CHOICE.fullmatch(word)])
        except HydraException:  # one of the choices is what is wrong
            cfg = compose("config")
        return [name for name in _walk(cfg, "") if "._" not in name]


def _points(error: BadPoints, configs: str) -> str:
    """Every bad point of a sweep, under what is wrong with it."""
    points: dict[str, list[str]] = {}
    for words, cause in error.errors.items():
        points.setdefault(explain(cause, configs), []).append(words)
    lines = [f"{error}, and none of the sweep was started:"]
    for text, same in points.items():
        lines += [*(f"  {words}" for words in same), *(f"    {t}" for t in text.splitlines())]
    return "\n".join(lines)


def _configuration(error: BaseException, configs: str) -> str:
    """Hydra's own words, less its advice to append keys that no one reads."""
    message = str(error).strip()
    match = OVERRIDE.search(message)
    if match is not None and "No match in the defaults list" not in message:
        return unknown(match[1], configs)
    if isinstance(error, (MissingMandatoryValue, InterpolationResolutionError)):
        return _value(error)
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and str(cause) not in message:
        message += f"\n{cause}"
    message = message.split("\nConfig search path:")[0].split("\nSet the environment variable")[0]
    lines = [line for line in message.splitlines() if "object_type" not in line]
    options = [line.strip() for line in lines if line.startswith("\t")]  # one a line from Hydra
    text = "\n".join(line for line in lines if not line.startswith("\t"))
    return f"{text}\n{fill(', '.join(options), 100, break_on_hyphens=False)}" if options else text


def _value(error: OmegaConfBaseException) -> str:
    """A value that the option leaves to the user, or that cannot be computed."""
    key = error.full_key
    if isinstance(error, MissingMandatoryValue):
        return f"{key} has no default: give {key}=... (the option's YAML file says what it is)"
    text = str(error.msg or error).split("\n")[0]
    return f"{key}: {text.partition(' raised while resolving interpolation: ')[2] or text}"


def _walk(cfg: Any, path: str) -> Iterator[str]:
    if isinstance(cfg, DictConfig):
        for key in cfg:
            name = f"{path}{key!s}"
            yield name
            if not OmegaConf.is_missing(cfg, key):
                yield from _walk(cfg[key], f"{name}.")
