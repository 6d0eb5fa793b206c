"""Loggers that write files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import pytorch_lightning.loggers

from dynalign.errors import DynalignError
from dynalign.loggers import CsvRuns, LoggedRuns, RunInfo, TensorBoardRuns


@pytest.fixture
def info(tmp_path: Path) -> RunInfo:
    return RunInfo("abc", "rnn", "sweep", "train", ["rnn"], {"noise": 0.1}, tmp_path)


def test_csv_is_one_table_in_the_runs_folder(info: RunInfo) -> None:
    runs = LoggedRuns([CsvRuns()], info)
    runs.log({"accuracy": 0.5, "epoch": 0}, step=0)
    runs.log({"accuracy": 0.75, "epoch": 1}, step=3)
    runs.finish({"final/accuracy": 0.75, "final/status": "trained"})
    table = pd.read_csv(info.folder / "csv" / "metrics.csv")
    assert table["accuracy"].dropna().tolist() == [0.5, 0.75]
    assert table["final/accuracy"].dropna().tolist() == [0.75]


def test_tensorboard_has_what_was_logged(info: RunInfo) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    runs = LoggedRuns([TensorBoardRuns()], info)
    runs.log({"dissimilarity/dsa": 0.5}, step=0)
    runs.log({"dissimilarity/dsa": 0.25}, step=3)
    runs.finish({"final/accuracy": 0.75})
    events = EventAccumulator(str(info.folder / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("dissimilarity/dsa")] == [(0, 0.5), (3, 0.25)]
    assert [event.value for event in events.Scalars("final/accuracy")] == [0.75]


def test_without_tensorboard_one_sentence_says_what_to_install(info: RunInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: Any, **_kwargs: Any) -> None:
        raise ModuleNotFoundError("Neither `tensorboard` nor `tensorboardX` is available.")

    monkeypatch.setattr(pytorch_lightning.loggers, "TensorBoardLogger", missing)
    with pytest.raises(DynalignError, match=r"pip install 'dynalign\[tensorboard\]'"):
        TensorBoardRuns().start(info)
