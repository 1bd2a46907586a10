"""The command line of scripts/benchmark.py."""

from __future__ import annotations

import argparse
from typing import Any

FIELDS = "as for train.py"


def parser(description: str) -> argparse.ArgumentParser:
    """A subcommand for each theme."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    themes = made.add_subparsers(dest="theme", required=True)
    every = (
        *(_loop, _input, _jpeg, _step, _peer, _models, _eval),
        *(_members, _ranks, _startup, _optimizers, _tables),
    )
    for theme in every:
        theme(themes).add_argument("--write", action="store_true", help="to results/benchmarks")
    return made


def several(text: str) -> tuple[str, ...]:
    """`a,b` as ("a", "b")."""
    return tuple(text.split(","))


def numbers(text: str, least: int = 1) -> tuple[int, ...]:
    """`1,2` as (1, 2), none below the least."""
    found = tuple(int(one) for one in several(text))
    if min(found) < least:
        raise argparse.ArgumentTypeError(f"{text}: each is {least} or more")
    return found


def counts(text: str) -> tuple[int, ...]:
    """`0,1` as (0, 1)."""
    return numbers(text, least=0)


def _loop(themes: Any) -> argparse.ArgumentParser:
    loop: argparse.ArgumentParser = themes.add_parser("loop", help="our loop against a bare one")
    loop.add_argument("--pairs", type=int, default=7)
    loop.add_argument("--steps", type=int, default=12, help="of a timed segment")
    loop.add_argument("--memory-runs", type=int, default=3, help="processes of each side")
    loop.add_argument("--random-images", type=int, default=5120)
    loop.add_argument("--peak", choices=("ours", "bare"), help=argparse.SUPPRESS)
    loop.add_argument("fields", nargs="*", help=FIELDS)
    return loop


def _input(themes: Any) -> argparse.ArgumentParser:
    images: argparse.ArgumentParser = themes.add_parser("input", help="our path and torchvision's")
    images.add_argument("--pairs", type=int, default=7)
    images.add_argument("--batches", type=int, default=60, help="of torchvision's path")
    images.add_argument("--workers", type=int, default=2, help="of torchvision's DataLoader")
    images.add_argument("--random-images", type=int, default=50_000)
    images.add_argument("fields", nargs="*", help=FIELDS)
    return images


def _jpeg(themes: Any) -> argparse.ArgumentParser:
    files: argparse.ArgumentParser = themes.add_parser("jpeg", help="JPEG files by workers")
    files.add_argument("--workers", type=counts, help="0,1,2; none: up to the cores there are")
    files.add_argument("--pairs", type=int, default=7)
    files.add_argument("--batches", type=int, default=6, help="of each worker, a timed segment")
    files.add_argument("--needed", type=float, default=3000, help="images/s that a GPU would take")
    files.add_argument(
        "--shorter", type=int, default=0, help="side to resize the files to, pixels; 0: as they are"
    )
    files.add_argument("fields", nargs="*", help=f"{FIELDS}, such as dataset.root=FOLDER")
    return files


def _step(themes: Any) -> argparse.ArgumentParser:
    ways: argparse.ArgumentParser = themes.add_parser("step", help="a step in every way")
    ways.add_argument("--rounds", type=int, default=7)
    ways.add_argument("--steps", type=int, default=6, help="of a timed segment")
    ways.add_argument("--random-images", type=int, default=5120)
    ways.add_argument(
        "--compile", type=several, default=("false",), help="false,true,reduce-overhead"
    )
    ways.add_argument("--layouts", type=several, default=("nchw", "channels_last"))
    ways.add_argument("--precisions", type=several, default=("fp32",), help=FIELDS)
    ways.add_argument("fields", nargs="*", help=FIELDS)
    return ways


def _peer(themes: Any) -> argparse.ArgumentParser:
    others: argparse.ArgumentParser = themes.add_parser("peer", help="other people's loops")
    models = ("resnet20", "wrn_16_4", "resnet18", "timm")
    others.add_argument("--model", choices=models, default="resnet20")
    others.add_argument("--pairs", type=int, default=3)
    others.add_argument("--images", type=int, default=5120, help="of an epoch")
    others.add_argument("fields", nargs="*", help=f"{FIELDS}, and peer=<timm's train.py>")
    return others


def _models(themes: Any) -> argparse.ArgumentParser:
    every: argparse.ArgumentParser = themes.add_parser("models", help="every network's speed")
    every.add_argument("--batch", type=int, default=8)
    every.add_argument("--repeats", type=int, default=3)
    every.add_argument("--device", default="cpu")
    every.add_argument("options", nargs="*", help="of configs/model; none: all")
    return every


def _eval(themes: Any) -> argparse.ArgumentParser:
    sizes: argparse.ArgumentParser = themes.add_parser("eval", help="evaluation by batch size")
    sizes.add_argument("--batches", type=numbers, default=(128, 250, 500, 1000, 2000))
    sizes.add_argument("--images", type=int, default=2000, help="evaluated each time")
    sizes.add_argument("--rounds", type=int, default=5)
    sizes.add_argument("fields", nargs="*", help=FIELDS)
    return sizes


def _members(themes: Any) -> argparse.ArgumentParser:
    several_runs: argparse.ArgumentParser = themes.add_parser("members", help="runs in one process")
    several_runs.add_argument("--members", type=int, default=8)
    several_runs.add_argument("--pairs", type=int, default=5)
    several_runs.add_argument("--steps", type=int, default=2, help="of each member, a segment")
    several_runs.add_argument("--models", type=several, default=("resnet20", "vgg16_bn"))
    several_runs.add_argument("fields", nargs="*", help=FIELDS)
    return several_runs


def _ranks(themes: Any) -> argparse.ArgumentParser:
    one_run: argparse.ArgumentParser = themes.add_parser("ranks", help="one run on processes")
    one_run.add_argument("--processes", type=int, default=2)
    one_run.add_argument("--batch", type=int, default=64, help="of one process")
    one_run.add_argument("--threads", type=int, default=1, help="of each process")
    one_run.add_argument("--rounds", type=int, default=7)
    one_run.add_argument("--steps", type=int, default=6, help="of a timed segment")
    one_run.add_argument("fields", nargs="*", help=FIELDS)
    return one_run


def _startup(themes: Any) -> argparse.ArgumentParser:
    startup: argparse.ArgumentParser = themes.add_parser("startup", help="until the first step")
    startup.add_argument("--helps", type=int, default=7)
    startup.add_argument("--compositions", type=int, default=7)
    startup.add_argument("--first-steps", type=int, default=5)
    return startup


def _optimizers(themes: Any) -> argparse.ArgumentParser:
    updates: argparse.ArgumentParser = themes.add_parser("optimizers", help="an update of each")
    updates.add_argument("--rounds", type=int, default=7)
    updates.add_argument("--steps", type=int, default=5, help="a round, a whole cycle of Lookahead")
    updates.add_argument("--model", default="wrn_28_10", help="whose parameters")
    updates.add_argument("--device", default="cpu")
    updates.add_argument("--small", action="store_true", help="one update of a small network each")
    updates.add_argument("options", nargs="*", help="of configs/optimizer; none: all")
    return updates


def _tables(themes: Any) -> argparse.ArgumentParser:
    papers: argparse.ArgumentParser = themes.add_parser("tables", help="generated records")
    papers.add_argument("--cells", type=int, default=100)
    papers.add_argument("--seeds", type=int, default=100, help="of each cell")
    papers.add_argument("--epochs", type=int, default=100, help="of each record")
    papers.add_argument("--repeats", type=int, default=5)
    return papers
