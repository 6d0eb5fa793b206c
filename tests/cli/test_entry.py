"""How a command ends."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from dynalign.cli import entry, train_job
from dynalign.cli.entry import Command
from dynalign.cli.summary import summarise
from dynalign.cli.sweep import SweepStart
from dynalign.results import Sweep


def test_ctrl_c_says_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def stopped() -> None:
        Sweep.start(tmp_path, "train", [["seed=0"], ["seed=1"]])
        SweepStart.folder = tmp_path
        raise KeyboardInterrupt

    monkeypatch.setattr(SweepStart, "folder", None)
    assert entry._exit_code(stopped) == 130
    said = capsys.readouterr().out
    assert said == "Stopped. 0 of 2 jobs are finished and kept. The same command goes on where this one was.\n"


def test_what_a_launcher_raises_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken() -> None:
        raise RuntimeError("no partition\nand more")

    monkeypatch.setattr(SweepStart, "folder", tmp_path)
    assert entry._exit_code(broken) == 1
    assert capsys.readouterr().err == (
        f"Error: RuntimeError: no partition ({tmp_path / 'traceback.txt'} has the details)\n"
    )


def test_a_job_can_be_sent_to_another_process() -> None:
    task = entry._Task(Command("train", train_job.run_job, summarise))
    assert pickle.loads(pickle.dumps(task)) == task
