"""What logging a run means: started before training, finished after it, and never the reason why science stops."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure

from dynalign.errors import first_line
from dynalign.redaction import redacted
from dynalign.store import Run

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class LoggerWarning(UserWarning):
    """A logger failed, or could not do all that it was to do; everything else goes on."""


@dataclass(frozen=True)
class RunInfo:
    """What a logger is told of a run.

    Attributes
    ----------
    id : str
        Its own, whatever the environment says.
    name, group, job_type : str
    tags : sequence of str
    config : mapping
    folder : Path
        Where the run's files are.
    shared : Path, optional
        Folder of its group, where there is one: for a logger that keeps the runs of a group in one place.
    alone : bool
        Whether it is the only run of what was typed.
    """

    id: str
    name: str
    group: str
    job_type: str
    tags: Sequence[str]
    config: Mapping[str, Any]
    folder: Path
    shared: Path | None = None
    alone: bool = False


@dataclass(frozen=True)
class Place:
    """Where a service has a run.

    Attributes
    ----------
    service : str
        Such as ``W&B``.
    folder : str
        On this machine.
    online : bool
        Whether the run was sent while it ran; else it is in the folder only.
    url : str
        Of the project, where it is online.
    """

    service: str
    folder: str
    online: bool
    url: str = ""


class LoggedRun:
    """A run that is being logged; ``lightning`` is the Lightning logger.

    ``place`` is where a service has it, for loggers whose files are not found beside those of the run.
    """

    place: Place | None = None

    def __init__(self, lightning: Logger) -> None:
        self.lightning = lightning

    def keep(self, run: Run) -> None:
        """Keep the weights of a trained network, if that was asked for."""

    def finish(self, summary: Mapping[str, Any], *, failed: bool = False) -> None:
        """Log what there is to say at the end, and end the run."""
        numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
        if numbers:
            self.lightning.log_metrics(numbers)
        self.lightning.finalize("failed" if failed else "success")


class RunLogger(abc.ABC):
    """How runs are logged."""

    @abc.abstractmethod
    def start(self, info: RunInfo) -> LoggedRun:
        """Start to log a run."""

    def summary(  # noqa: B027 - tables, figures and numbers lie in the sweep's folder in any case
        self,
        info: RunInfo,
        *,
        tables: Mapping[str, pd.DataFrame],
        figures: Mapping[str, Figure],
        numbers: Mapping[str, float],
        files: Mapping[str, Path],
    ) -> Place | None:
        """Log what came out of a sweep, each thing under the name that it is given; return where that is."""


class LoggedRuns:
    """One run in all its loggers; a logger that fails says so once, and is left out from then on."""

    def __init__(self, loggers: Iterable[RunLogger], info: RunInfo) -> None:
        self._runs: list[LoggedRun] = []
        for logger in loggers:
            self._start(logger, info)

    @property
    def lightning(self) -> list[Logger]:
        """The Lightning loggers."""
        return [run.lightning for run in self._runs]

    @property
    def places(self) -> list[Place]:
        """Where services have the run."""
        return [run.place for run in self._runs if run.place is not None]

    def keep(self, trained: Run) -> None:
        """Keep the weights of a trained network, where that was asked for."""
        for run in list(self._runs):
            self._attempt(run, lambda: run.keep(trained))  # noqa: B023

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Log values at a training step."""
        for run in list(self._runs):
            self._attempt(run, lambda: run.lightning.log_metrics(dict(values), step=step))  # noqa: B023

    def finish(self, summary: Mapping[str, Any], *, failed: bool = False) -> None:
        """End the run everywhere."""
        for run in list(self._runs):
            self._attempt(run, lambda: run.finish(summary, failed=failed))  # noqa: B023

    def _start(self, logger: RunLogger, info: RunInfo) -> None:
        try:
            run = logger.start(info)
        except Exception as error:
            _warn(type(logger).__name__, error)
            return
        self._runs.append(run)
        for name in ("log_metrics", "log_hyperparams", "save", "finalize"):  # Lightning calls these while it trains
            setattr(run.lightning, name, self._guarded(run, getattr(run.lightning, name)))

    def _guarded(self, run: LoggedRun, method: Callable[..., Any]) -> Callable[..., None]:
        def guarded(*arguments: Any, **named: Any) -> None:
            self._attempt(run, lambda: method(*arguments, **named))

        return guarded

    def _attempt(self, run: LoggedRun, work: Any) -> None:
        if run not in self._runs:
            return
        try:
            work()
        except Exception as error:
            self._runs.remove(run)
            _warn(type(run.lightning).__name__, error)


def _warn(name: str, error: Exception) -> None:
    said = redacted(first_line(error))
    warnings.warn(f"{name} cannot log this run ({said}); everything else goes on.", LoggerWarning, stacklevel=4)
