"""Points of a sweep, composed once for each choice of groups, then changed value by value.

Hydra composes every point from its files, 0.1 to 0.3 s each; what differs between most points of a
sweep are values, which Hydra applies last anyway.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, open_dict

from basin.experiment.point import Point, point_of


class Composer:
    """Overrides -> Point, equal to a full composition of the same words."""

    def __init__(self, loader: Any, master: DictConfig) -> None:
        """Hydra's config loader, and the configuration of the command line."""
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create(config_loader=loader)
        self._bases: dict[tuple[str, ...], tuple[DictConfig, dict[str, str]]] = {}

    def expand(self, words: Sequence[str]) -> Iterator[list[str]]:
        """The product of every comma, range and glob; a later word replaces one of its key."""
        ways: dict[str, list[str]] = {}
        for override in self._parser.parse_overrides(list(words)):
            key = override.get_key_element()
            if not override.is_sweep_override():
                values: Any = [override.get_value_element_as_str()]
            elif override.is_discrete_sweep():
                values = override.sweep_string_iterator()
            else:
                raise ValueError(
                    f"{override.input_line}: a sweep takes lists (0.1,0.2), range() and glob(),"
                    " not intervals, which a search draws from"
                )
            ways[key] = [f"{key}={value}" for value in values]
            if not ways[key]:
                raise ValueError(f"{override.input_line}: there is nothing in it, so no points")
        return (list(point) for point in product(*ways.values()))

    def __call__(self, words: Sequence[str]) -> Point:
        """Compose one point; raises what Hydra and the settings raise."""
        parsed = self._parser.parse_overrides(list(words))
        choices = [override for override in parsed if self._chooses(override)]
        key = tuple(str(override.input_line) for override in choices)
        if key not in self._bases:
            whole = self._loader.load_sweep_config(self._master, list(key))
            groups = dict(whole.hydra.runtime.choices)
            with open_dict(whole):
                del whole["hydra"]
            self._bases[key] = whole, groups
        base, groups = self._bases[key]
        cfg = copy.deepcopy(base)
        values = [override for override in parsed if not self._chooses(override)]
        ConfigLoaderImpl._apply_overrides_to_config(values, cfg)
        return point_of(cfg, words, groups)

    def _chooses(self, override: Override) -> bool:
        """Whether an override names an option of a group, by the rule of Hydra's defaults list."""
        group: bool = self._loader.repository.group_exists(override.key_or_group)
        return group and not isinstance(override.value(), dict)
