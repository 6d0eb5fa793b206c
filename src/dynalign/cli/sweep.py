"""The Hydra callback that notes where a sweep starts; the command summarises it when Hydra has returned."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.markup import escape

from dynalign.cli.terminal import console
from dynalign.cli.time_left import TimeLeft
from dynalign.results import Sweep


class SweepStart(Callback):
    """Writes down that a sweep starts, for its jobs to join and its summary to find.

    Attributes
    ----------
    expected : list of list of str, optional
        The overrides of every job, if they are known beforehand; the command says so.
    left : TimeLeft, optional
        How long it may take, if the jobs are known beforehand.
    folder : Path, optional
        Of the sweep that has started in this process.
    results : Path, optional
        Where this process writes what comes out: the sweep's folder, or that of a single run.
    """

    expected: Sequence[Sequence[str]] | None = None
    left: TimeLeft | None = None
    folder: Path | None = None
    results: Path | None = None
    _lock: FileLock | None = None

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Note where a single run writes to."""
        SweepStart.results = Path(config.hydra.run.dir).absolute()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Say what is about to run, and note it; a folder in which another sweep is at work is refused."""
        # Hydra turns exceptions of callbacks into warnings, but lets a program exit.
        folder = SweepStart.results = Path(config.hydra.sweep.dir).absolute()
        command = str(config.hydra.job.config_name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            SweepStart._lock = FileLock(folder / ".sweep.lock")
            SweepStart._lock.acquire(blocking=False)
            Sweep.start(folder, command, self.expected)
        except Timeout:
            sys.exit(f"Error: Another sweep is at work in {folder}; wait for it, or choose another hydra.sweep.dir.")
        except OSError as error:
            sys.exit(f"Error: The sweep's folder {folder} cannot be written to: {error.strerror}.")
        SweepStart.folder = folder
        if self.expected is not None and len(self.expected) > 1:
            SweepStart.left = TimeLeft(self.expected)
        typed = " ".join(typed_words(config.hydra))
        jobs = 0 if self.expected is None else len(self.expected)
        count = f" ({jobs} job{'s' * (jobs != 1)})" if jobs else ""
        console().print(f"[bold]dynalign sweep[/]{count}: {escape(typed)}", soft_wrap=True)


def typed_words(settings: Any) -> list[str]:
    """Return what was typed for a job, given Hydra's settings, to the letter: ``${...}`` is not what it stands for."""
    words = OmegaConf.to_container(settings.overrides.task, resolve=False)
    assert isinstance(words, list)
    return [str(word) for word in words]
