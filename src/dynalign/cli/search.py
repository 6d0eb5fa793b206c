"""What a search by Optuna found, and how much it says of its own accord."""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console
from rich.markup import escape

from dynalign.results import SWEEP

_FOUND = "optimization_results.yaml"  # where Hydra's sweeper writes it


def quiet_search() -> None:
    """Let Optuna say what is wrong and nothing else: every trial has its line already."""
    for name in ("optuna.study", "optuna.study.study", "optuna.storages"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Hydra's sweeper says of a trial that failed that it has no value.
    logging.getLogger("hydra_plugins.hydra_optuna_sweeper._impl").setLevel(logging.CRITICAL)


def print_found(folder: Path, console: Console) -> None:
    """Print the best settings that the sweep in a folder found, if it was a search."""
    path = folder / _FOUND
    if not path.exists() or path.stat().st_mtime < (folder / SWEEP).stat().st_mtime:
        return  # there was none, or it is an older sweep's
    found = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(found, dict)
    solutions = found.get("solutions") or [{"params": found.get("best_params"), "values": [found.get("best_value")]}]
    for each in solutions:
        typed = " ".join(f"{name}={value}" for name, value in (each["params"] or {}).items())
        values = ", ".join(f"{value:.4g}" for value in each["values"])
        console.print(f"[bold]best[/]   {escape(typed)}: objective {values}", soft_wrap=True)
