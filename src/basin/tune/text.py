"""The report of a search for people, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def report(content: Mapping[str, Any]) -> str:
    """`outcome`'s values as a page."""
    search, budget = content["search"], content["budget"]
    over = "" if content["over"] else " Not finished: more is to be trained."
    lines = [
        f"# {content['study']}",
        "",
        f"{search['scheduler']}, mode {search['mode']}, eta {search['eta']}, {search['sampler']}"
        f" sampling, seed {search['seed']}.{over} Scores are the validation part's.",
        "",
        f"Trained: {budget['epochs']:.6g} epochs, {budget['gradient_evaluations']:.6g} gradient"
        f" evaluations; {budget['planned_epochs']:.6g} epochs by the definition of the rungs, and"
        f" {budget['everyone_to_the_end']:.6g} for every configuration to the end."
        f" Attempts that failed: {budget['failed_attempts']}.{_untrained(budget)}",
        "",
        f"Rank correlations are with the last rung of {content['final']}, with 95 % bootstrap"
        " intervals.",
        "",
        "| rung | epochs | configurations | without a score | best | n | Spearman | Kendall |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_rung(rung) for rung in content["rungs"]]
    selected = content.get("selected")
    if selected is not None:
        lines += ["", _selected(selected), *_commands(selected, search)]
    elif content["over"]:
        lines += ["", "Selected: none, since every configuration diverged or was given up."]
    return "\n".join(lines) + "\n"


def _untrained(budget: Mapping[str, Any]) -> str:
    if not budget["untrained_rungs"]:
        return ""
    return (
        f" Rungs that the definition counts and nobody trained, of configurations that had diverged"
        f" or were given up: {budget['untrained_rungs']}."
    )


def _rung(rung: Mapping[str, Any]) -> str:
    agreement = rung["agreement"]
    best = "" if rung["best"] is None else f"{rung['best']:.4g}"
    cells = [
        *(rung["rung"], f"{rung['epochs']:g}", rung["configurations"], rung["diverged"], best),
        *(agreement["n"], _interval(agreement["spearman"]), _interval(agreement["kendall"])),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _interval(one: Mapping[str, float | None]) -> str:
    if one["value"] is None:
        return "-"
    return f"{one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"


def _selected(selected: Mapping[str, Any]) -> str:
    params = ", ".join(f"{name} {_value(value)}" for name, value in selected["params"].items())
    end = "" if selected["final"] is None else f"; final {selected['final']:.4g}"
    rank = "" if selected["rank"] is None else f", rank {selected['rank']} of {selected['of']}"
    return (
        f"Selected: configuration {selected['configuration']} ({params}){end}{rank}."
        f" Run {selected['run']}, scored at rung {selected['rung']}."
    )


def _commands(selected: Mapping[str, Any], search: Mapping[str, Any]) -> list[str]:
    """The run that was scored; and one without the mode's schedule, where that is another."""
    scored, plain = selected["command"], selected["plain_command"]
    lines = ["", "The run that was scored:", "", f"    python train.py {scored}"]
    if plain != scored:
        told = (
            "Not that run, but one that has the configuration's own schedule once, over all"
            f" {search['epochs']:g} epochs:"
        )
        lines += ["", told, "", f"    python train.py {plain}"]
    return lines


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
