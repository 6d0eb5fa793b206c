"""A logger that fails costs itself, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.loggers import Logger

from dynalign.loggers import LoggedRun, LoggedRuns, LoggerWarning, RunInfo, RunLogger


class Notes(Logger):
    """Keeps what it is given, and fails where it is told to."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.given: list[dict[str, float]] = []
        self.status = ""

    name = version = "notes"

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self.fails == "log":
            raise ConnectionError("the line is dead\nand more of it")
        self.given.append(dict(metrics))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None: ...

    def finalize(self, status: str) -> None:
        if self.fails == "finish":
            raise OSError("the disk is full")
        self.status = status


class Keeps(RunLogger):
    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.notes = Notes(fails)

    def start(self, info: RunInfo) -> LoggedRun:
        if self.fails == "start":
            raise ValueError("no such project")
        return LoggedRun(self.notes)


@pytest.fixture
def info(tmp_path: Path) -> RunInfo:
    return RunInfo("abc", "rnn noise=0.1", "sweep", "train", ["rnn"], {"noise": 0.1}, tmp_path)


def log_three_steps(loggers: list[RunLogger], info: RunInfo) -> LoggedRuns:
    runs = LoggedRuns(loggers, info)
    for step in range(3):
        runs.log({"loss": 1.0 / (step + 1)}, step)
    runs.finish({"final/accuracy": 0.9, "final/status": "trained"})
    return runs


@pytest.mark.parametrize(
    ("fails", "said"),
    [("start", "no such project"), ("log", "the line is dead"), ("finish", "the disk is full")],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_logger_that_fails_costs_itself(info: RunInfo, fails: str, said: str, first: bool) -> None:
    bad, good = Keeps(fails), Keeps()
    with pytest.warns(LoggerWarning) as warned:
        runs = log_three_steps([bad, good] if first else [good, bad], info)
    (warning,) = warned
    assert f"({said})" in str(warning.message)
    assert "\n" not in str(warning.message)
    assert good.notes.given == [{"loss": 1.0}, {"loss": 0.5}, {"loss": 1 / 3}, {"final/accuracy": 0.9}]
    assert good.notes.status == "success"
    assert runs.lightning == [good.notes]


def test_training_goes_on_without_a_logger_that_fails(info: RunInfo) -> None:
    """Trainer and callbacks call the Lightning loggers themselves."""
    bad, good = Keeps("log"), Keeps()
    lightning = LoggedRuns([bad, good], info).lightning
    with pytest.warns(LoggerWarning, match="the line is dead"):
        lightning[0].log_metrics({"loss": 1.0}, step=0)
    for logger in lightning:
        logger.log_metrics({"loss": 0.5}, step=1)
        logger.finalize("success")
    assert good.notes.given == [{"loss": 0.5}]
    assert (bad.notes.status, good.notes.status) == ("", "success")


def test_a_failed_run_ends_as_failed(info: RunInfo) -> None:
    logger = Keeps()
    LoggedRuns([logger], info).finish({}, failed=True)
    assert logger.notes.status == "failed"
    assert logger.notes.given == []


def test_no_logger_is_no_trouble(info: RunInfo) -> None:
    runs = LoggedRuns([], info)
    runs.log({"loss": 1.0}, 0)
    runs.finish({"final/accuracy": 0.9})
    assert runs.lightning == []
