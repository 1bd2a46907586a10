"""Weights & Biases: offline without a key, online with one; a continued run continues there."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from basin.logger.harmless import Harmless
from basin.logger.protocol import flat

KEYS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
START_TIMEOUT_SECONDS = 30.0  # after it the run starts without wandb
FINISH_TIMEOUT_SECONDS = 120.0  # what is not uploaded by then, `wandb sync` sends later


class Wandb:
    """Lines by their t, so that those of a continued run lie over those that it repeats.

    mode: online | offline | disabled; None leaves it to WANDB_MODE, and else to whether there is
    a key.
    """

    def __init__(
        self,
        folder: Path,
        run_id: str,
        config: dict[str, Any],
        *,
        project: str,
        entity: str | None,
        mode: str | None,
        tags: list[str],
    ) -> None:
        self._arguments: dict[str, Any] = {
            "dir": str(folder),
            "id": run_id,
            "name": folder.name,
            "config": config,
            "project": project,
            "entity": entity,
            "mode": mode or chosen_mode(),
            "tags": tags,
        }
        self._attempt = Harmless("wandb", "wandb")
        self._run = self._attempt(self._start)

    def epoch(self, line: dict[str, Any]) -> None:
        """Log the line under its flat keys."""
        self._attempt(self._log, line, "")

    def progress(self, line: dict[str, Any]) -> None:
        """Log the line under progress/."""
        self._attempt(self._log, line, "progress/")

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the summary and wait for the upload."""
        self._attempt(self._finish, summary)

    def _start(self) -> Any:
        import wandb  # slow, and an extra: docs/adr/0002

        if wandb.run is not None:  # left open by a run that failed earlier in this process
            wandb.run.finish()
        settings: dict[str, Any] = {
            "init_timeout": START_TIMEOUT_SECONDS,
            "silent": True,
            "console": "off",
        }
        if "finish_timeout" in wandb.Settings.model_fields:  # newer than the oldest wandb we take
            settings |= {"finish_timeout": FINISH_TIMEOUT_SECONDS, "finish_timeout_raises": True}
        wandb.setup(wandb.Settings(silent=True))  # the login, before init, reads no other
        run = wandb.init(**self._arguments, resume="allow", settings=wandb.Settings(**settings))
        run.define_metric("*", step_metric="t")
        return run

    def _log(self, line: dict[str, Any], prefix: str) -> None:
        self._run.log({**flat(line, prefix), "t": line["t"]})

    def _finish(self, summary: dict[str, Any]) -> None:
        self._run.summary.update(flat(summary))
        self._run.finish()


def chosen_mode() -> str | None:
    """None (wandb's own) where WANDB_MODE is set; else online with a key and offline without."""
    if os.environ.get("WANDB_MODE"):
        return None
    return "online" if any(os.environ.get(key) for key in KEYS) or _netrc_key() else "offline"


def _netrc_key() -> bool:
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    path = os.environ.get("NETRC") or str(Path.home() / ".netrc")
    try:
        return host is not None and netrc.netrc(path).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
