"""What a user reads when a configuration is refused: one error, with the nearest valid name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice, product
from pathlib import Path
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

from basin.experiment.help import GROUPS, options
from basin.experiment.points import BadPoints
from basin.experiment.schema import RENAMED, STAGE, UnknownField

CHOICE = re.compile(rf"({'|'.join(GROUPS)})(@[\w.]+)?=[\w/]+|hydra\.searchpath=.*")
"""Words of a command line that choose an option of a group."""
SWEPT = re.compile(rf"({'|'.join(GROUPS)})(@[\w.]+)?=[\w/]+(,[\w/]+)+")
"""Those of which a sweep takes several options."""
MOST = 8
"""Choices of a sweep that are composed for a hint."""
OVERRIDE = re.compile(r"Could not (?:override|append to config)[^']*'\+*([^'=]+)'")
NO_OPTION = re.compile(r"Could not (?:find|load) '((?:hydra/)?\w+)/([\w/.-]+)'")
STAGE_FIELD = re.compile(rf"stages\.\w+(\.({'|'.join(STAGE)})(\.[\w.]+)?)?")


def explain(error: BaseException, configs: str, words: Sequence[str] | None = None) -> str:
    """One readable message for an error that stopped a run; words: its own, or the command line."""
    given = sys.argv[1:] if words is None else words
    if isinstance(error, BadPoints):
        return _points(error, configs)
    if isinstance(error, UnknownField):
        return unknown(str(error), configs, given)
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return _configuration(error, configs, given)
    return str(error) or type(error).__name__


def unknown(key: str, configs: str, words: Sequence[str]) -> str:
    """A key that no configuration has, with the ones that may have been meant."""
    if key in RENAMED:
        return f"{key} is now called {RENAMED[key]}."
    if key == "stages":
        return "stages=OPTION chooses an option; '+stages.NAME={...}' adds a stage."
    if STAGE_FIELD.fullmatch(key) or "@" in key:
        return f"{key} is not there: write +{key}=... to add it."
    swept = [word for word in words if SWEPT.fullmatch(word)]
    there = keys(configs, words)
    if swept and key in there:  # Hydra refuses it before the sweep has chosen
        return (
            f"{key} is a field of some of {' '.join(swept)}, of which Hydra has chosen none when it"
            f" takes single values. {key}='choice(VALUE)' is taken after that, by each point."
        )
    near = nearest(key, there)
    hint = f"Did you mean {' or '.join(near)}?" if near else "See python train.py --help."
    return f"{key} is not a field of this configuration. {hint}"


def nearest(key: str, valid: list[str]) -> list[str]:
    """Valid keys that a misspelt one may have meant: the same last name first, then by spelling."""
    last = key.rsplit(".", 1)[-1]
    same = [name for name in valid if name.rsplit(".", 1)[-1] == last]
    return (same or get_close_matches(key, valid, 3, 0.6))[:3]


def keys(configs: str, words: Sequence[str]) -> list[str]:
    """Every dotted key of the configurations that the groups among some words make."""
    ways = [_options(word) for word in words if CHOICE.fullmatch(word) or SWEPT.fullmatch(word)]
    found = dict[str, None]()
    GlobalHydra.instance().clear()
    with initialize_config_dir(configs, version_base="1.3"):
        for choices in islice(product(*ways), MOST):
            try:
                cfg = compose("config", [*choices])
            except HydraException:  # one of the choices is what is wrong
                cfg = compose("config")
            found |= dict.fromkeys(name for name in _walk(cfg, "") if "._" not in name)
    return [*found]


def _options(word: str) -> list[str]:
    """`a=b,c` as `a=b` and `a=c`."""
    group, _, chosen = word.partition("=")
    if not SWEPT.fullmatch(word):
        return [word]
    return [f"{group}={option}" for option in chosen.split(",")]


def _points(error: BadPoints, configs: str) -> str:
    """Every bad point of a sweep, under what is wrong with it."""
    points: dict[str, list[str]] = {}
    said: dict[tuple[str, ...], str] = {}
    for label, (words, cause) in error.errors.items():
        key = (str(cause), *(word for word in words if CHOICE.fullmatch(word)))
        if key not in said:  # 1,000 points are not composed for 1,000 hints
            said[key] = explain(cause, configs, words)
        points.setdefault(said[key], []).append(label)
    lines = [f"{error}, and none of the sweep was started:"]
    for text, same in points.items():
        lines += [*(f"  {words}" for words in same), *(f"    {t}" for t in text.splitlines())]
    return "\n".join(lines)


def _configuration(error: BaseException, configs: str, words: Sequence[str]) -> str:
    """Hydra's own words, less its advice to append keys that no one reads."""
    message = str(error).strip()
    match = OVERRIDE.search(message)
    if match is not None and "No match in the defaults list" not in message:
        return unknown(match[1], configs, words)
    if isinstance(error, (MissingMandatoryValue, InterpolationResolutionError)):
        return _value(error)
    match = NO_OPTION.search(message)
    folders: list[str] = []
    if match is not None:
        there = [*options(Path(configs) / match[1])]
        if near := _near(match[2], there):
            hint = f"Did you mean {' or '.join(near)}?"
            return f"{message.splitlines()[0].rstrip('.')}.\n{_filled(hint)}"
        folders = [*dict.fromkeys(f"{name.split('/')[0]}/..." for name in there if "/" in name)]
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and str(cause) not in message:
        message += f"\n{cause}"
    message = message.split("\nConfig search path:")[0].split("\nSet the environment variable")[0]
    lines = [line for line in message.splitlines() if "object_type" not in line]
    known = [line.strip() for line in lines if line.startswith("\t")]  # one a line from Hydra
    text = "\n".join(line for line in lines if not line.startswith("\t"))
    return f"{text}\n{_filled(', '.join(known + folders))}" if known else text


def _filled(text: str) -> str:
    return fill(text, 100, break_on_hyphens=False)


def _near(option: str, there: list[str]) -> list[str]:
    """Options that begin as this one, which may be a folder, else up to three by spelling."""
    longer = [name for name in there if name.startswith(option)]
    return longer or get_close_matches(option, there, 3, 0.6)


def _value(error: OmegaConfBaseException) -> str:
    """A value that the option leaves to the user, or that cannot be computed."""
    key = error.full_key
    if isinstance(error, MissingMandatoryValue):
        return f"{key} has no default: give {key}=... (the option's YAML file says what it is)"
    text = str(error.msg or error).split("\n")[0]
    text = text.partition(" raised while resolving interpolation: ")[2] or text
    return text if key is None else f"{key}: {text}"


def _walk(cfg: Any, path: str) -> Iterator[str]:
    if isinstance(cfg, DictConfig):
        for key in cfg:
            name = f"{path}{key!s}"
            yield name
            if not OmegaConf.is_missing(cfg, key):
                yield from _walk(cfg[key], f"{name}.")
