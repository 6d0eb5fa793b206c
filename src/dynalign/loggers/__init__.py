"""Where runs are logged: Weights & Biases, tables, TensorBoard; any of them, or none."""

from dynalign.loggers.base import LoggedRun, LoggedRuns, LoggerWarning, Place, RunInfo, RunLogger
from dynalign.loggers.files import CsvRuns, TensorBoardRuns
from dynalign.loggers.wandb import WandbRuns, logged_in

__all__ = [
    "CsvRuns",
    "LoggedRun",
    "LoggedRuns",
    "LoggerWarning",
    "Place",
    "RunInfo",
    "RunLogger",
    "TensorBoardRuns",
    "WandbRuns",
    "logged_in",
]
