"""What all commands share: check what was typed, compose the config, run the job or jobs, and say how they ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console
from rich.markup import escape

from dynalign.cli import ROOT, outcome
from dynalign.cli.overrides import check_overrides
from dynalign.errors import DynalignError

CONF = ROOT / "conf"

RunJob = Callable[[DictConfig, Any, Path], outcome.Finished]
"""Runs one job: its config, Hydra's settings, and the folder for its results."""

Summarise = Callable[[Path, Sequence[Path], Console], bool]
"""Summarises jobs: the folder for the summary, the jobs' folders, and where to print; tells if all succeeded."""


def run_command(name: str, run_job: RunJob, summarise: Summarise, console: Console) -> None:
    """Run what was typed after the command ``name``, whose config is ``conf/<name>.yaml``.

    Exits with 0 if every job succeeded.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        check_overrides(sys.argv[1:], CONF, name)
    except DynalignError as error:
        sys.exit(f"Error: {error}")

    def job(config: DictConfig) -> float | None:
        return _run(config, run_job, summarise, console)

    hydra.main(config_path=str(CONF), config_name=name, version_base="1.3")(job)()


def group_of(settings: Any) -> str:
    """Name the W&B group after the sweep's folder; a single run is a group of its own."""
    folder = settings.sweep.dir if settings.mode == RunMode.MULTIRUN else settings.runtime.output_dir
    return Path(folder).name


def _run(config: DictConfig, run_job: RunJob, summarise: Summarise, console: Console) -> float | None:
    """Run one job; in a sweep, write down a failure instead of raising it, so that the others go on."""
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    overrides = list(settings.overrides.task)
    sweep = settings.mode == RunMode.MULTIRUN
    try:
        finished = run_job(config, settings, folder)
    except (Exception, KeyboardInterrupt) as error:
        outcome.write_failure(folder, overrides, error)
        if isinstance(error, KeyboardInterrupt):
            console.print("[yellow]Stopped. The same command goes on where this one was.[/]")
            sys.exit(130)
        if not sweep:
            if isinstance(error, DynalignError):
                sys.exit(f"Error: {error}")
            raise
        failure = escape(f"{' '.join(overrides)}: {outcome.reason_of(error)}")
        console.print(f"[red]failed[/]   {failure}", soft_wrap=True)
        return None
    outcome.write_success(folder, overrides, finished)
    if not sweep and not summarise(folder, [folder], console):
        sys.exit(1)
    return finished.value
