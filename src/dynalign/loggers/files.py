"""Loggers that write files: a CSV table, or TensorBoard's event files."""

from __future__ import annotations

from dataclasses import dataclass

from dynalign.errors import DynalignError
from dynalign.loggers.base import LoggedRun, RunInfo, RunLogger


@dataclass(frozen=True)
class CsvRuns(RunLogger):
    """Losses, accuracies and dissimilarities of every run in a table, ``csv/metrics.csv`` in the run's folder."""

    def start(self, info: RunInfo) -> LoggedRun:
        """Start a table."""
        from pytorch_lightning.loggers import CSVLogger

        return LoggedRun(CSVLogger(info.folder, name="csv", version=""))


@dataclass(frozen=True)
class TensorBoardRuns(RunLogger):
    """Event files for TensorBoard, in the folder ``tensorboard`` of every run."""

    def start(self, info: RunInfo) -> LoggedRun:
        """Start an event file.

        Raises
        ------
        DynalignError
            If TensorBoard is not installed.
        """
        from pytorch_lightning.loggers import TensorBoardLogger

        try:
            return LoggedRun(TensorBoardLogger(info.folder, name="tensorboard", version=""))
        except ModuleNotFoundError as error:
            raise DynalignError(
                "TensorBoardRuns needs the package tensorboard; pip install 'dynalign[tensorboard]' brings it."
            ) from error
