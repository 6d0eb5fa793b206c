"""The Hydra callback that ends a sweep: compare all networks, write table and report, exit non-zero on failure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from hydra.utils import get_method
from omegaconf import DictConfig
from rich.markup import escape

from dynalign.cli.entry import Summarise
from dynalign.cli.terminal import console


class SweepSummary(Callback):
    """Summarises a multirun from the files that its jobs left behind, whichever launcher ran them.

    Parameters
    ----------
    summarise : str
        The function that does it, such as ``dynalign.cli.summary.summarise``.
    """

    def __init__(self, summarise: str) -> None:
        self._summarise: Summarise = get_method(summarise)
        self._console = console()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Say what is about to run."""
        self._console.print(f"[bold]dynalign sweep[/]: {escape(' '.join(config.hydra.overrides.task))}")

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Summarise; leave with exit status 1 if a job failed."""
        folder = Path(config.hydra.sweep.dir)
        jobs = sorted((path.parent for path in folder.glob("*/job.json")), key=lambda path: _number(path.name))
        if not self._summarise(folder, jobs, self._console):
            sys.exit(1)


def _number(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (sys.maxsize, name)
