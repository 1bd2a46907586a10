"""Cells of tables composed: which run an experiment and its overrides are, without building it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from basin import NUMERICS
from basin.core.files import to_json, write_atomically
from basin.experiment.identity import identities
from basin.experiment.schema import check_fields, register
from basin.experiment.settings import Settings, check_words, run_settings
from basin.experiment.staging import stage_settings
from basin.report.paper.assembly import Experiment
from basin.report.paper.forms import Cell
from basin.report.paper.header import read_header
from basin.report.paper.recipe import Recipe

SOURCES = (
    *("build", "check", "extents", "identity", "recipes"),
    *("resolvers", "schema", "settings", "staging"),
)
"""Modules on which a composed recipe depends, besides configs/ and the models."""
WITHOUT_FLOPS = {
    *("channels_last", "dropout", "input_dropout", "final_bn_momentum", "weights", "sha256", "md5"),
    *("conv_init", "conv_std", "linear_init", "linear_std", "bn_weight_init"),
    *("zero_last_bn", "zero_init_residual"),
}
"""Fields of models that leave the FLOPs of a forward pass as they are."""


@dataclass(frozen=True)
class Composed:
    """A command line, composed."""

    settings: Settings
    stages: dict[str, Settings]
    choices: dict[str, Any]


@contextmanager
def composing(configs: Path) -> Iterator[None]:
    """A block in which `composed` may be called."""
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(configs.resolve()), version_base="1.3"):
        yield


def composed(words: Sequence[str]) -> Composed:
    """What Hydra makes of a command line. Raises ValueError or Hydra's errors."""
    check_words(list(words))
    cfg = compose("config", list(words), return_hydra_config=True)
    choices = dict(cfg.hydra.runtime.choices)
    cfg = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    check_fields(cfg)
    return Composed(run_settings(cfg), stage_settings(cfg), choices)


class Recipes:
    """Recipes of cells. `cache`: a file that keeps them until any configuration changes."""

    def __init__(self, configs: Path, cache: Path | None = None) -> None:
        self._configs, self._cache = configs, cache
        self._digest = _digest(configs) if cache else ""
        self._known: dict[str, dict[str, Any]] = {}
        self._made: dict[str, Experiment] = {}
        self._changed = False
        if cache is not None and cache.exists():
            with suppress(ValueError, KeyError, TypeError):
                stored = json.loads(cache.read_text())
                self._known = stored["recipes"] if stored["digest"] == self._digest else {}

    def __call__(self, cell: Cell) -> Experiment:
        """Raises ValueError, naming the cell, where it does not compose."""
        file = self._configs / "experiment" / f"{cell.experiment}.yaml"
        if not file.is_file():
            raise ValueError(f"{cell.key}: there is no configs/experiment/{cell.experiment}.yaml")
        words = (f"experiment={cell.experiment}", *cell.overrides)
        key = json.dumps(words)
        if key not in self._known:
            self._known[key] = asdict(self._compose(cell, words))
            self._changed = True
        if key not in self._made:
            self._made[key] = Experiment(Recipe(**self._known[key]), read_header(file))
        return self._made[key]

    def save(self) -> None:
        """Keep what was composed for the next time."""
        if self._cache is not None and self._changed:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._cache, to_json({"digest": self._digest, "recipes": self._known}))

    def _compose(self, cell: Cell, words: Sequence[str]) -> Recipe:
        if not GlobalHydra.instance().is_initialized():
            with composing(self._configs):
                return self._compose(cell, words)
        try:
            return recipe_of(composed(words))
        except Exception as error:
            from basin.experiment.errors import explain

            raise ValueError(f"{cell.key}: {explain(error, str(self._configs))}") from None


def recipe_of(made: Composed) -> Recipe:
    """The run that a composed command line is, seed apart."""
    from basin.experiment.extents import extent, forward_flops  # with torch

    identity = identities(made.stages)[-1]
    facts, num = extent(made.settings) or (None, None)
    lengths = _in_epochs(made, num)
    option = _option(str(made.choices["model"]))
    own = _with_flops(made.settings["model"]) != _with_flops(option)
    return Recipe(
        model=str(made.choices["model"]),
        run=f"{made.choices['model']}_{made.choices['dataset']}_{identity}",
        dataset=str(made.choices["dataset"]),
        settings=made.settings,
        epochs=None if lengths is None else sum(lengths[1:]),
        evaluate_every=None if lengths is None else lengths[0],
        images=num,
        own_model=own,
        own_flops=forward_flops(made.settings, facts) if own and facts else None,
    )


@cache
def _option(name: str) -> Any:
    """The model that an option of configs/model is, inside `composing`."""
    made: Any = OmegaConf.to_container(compose(f"model/{name}"), resolve=True)
    return made["model"]


def _with_flops(model: Settings) -> Settings:
    return {key: value for key, value in model.items() if key not in WITHOUT_FLOPS}


def _in_epochs(made: Composed, num: int | None) -> list[float] | None:
    """evaluate_every, and the length of each stage; None of steps on data that are not here."""
    given = [made.settings["evaluate_every"], *(s["epochs"] for s in made.stages.values())]
    if not any(isinstance(length, str) for length in given):
        return [float(length) for length in given]
    if num is None:
        return None
    from basin.experiment.check import clock_of  # with torch

    clocks = [clock_of(one, num) for one in (made.settings, *made.stages.values())]
    return [clock.epochs(length) for clock, length in zip(clocks, given, strict=True)]


def _digest(configs: Path) -> str:
    """Of every configuration and of the modules that read them."""
    files = [p for p in sorted(configs.rglob("*.yaml")) if p.parent.name != "table"]
    files += [Path(__file__).with_name(f"{name}.py") for name in SOURCES]
    files += sorted(Path(__file__).parents[1].joinpath("model").glob("*.py"))
    total = hashlib.sha256(str(NUMERICS).encode())
    for file in files:
        total.update(f"{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return total.hexdigest()
