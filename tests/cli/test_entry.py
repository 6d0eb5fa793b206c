"""How a command ends."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dynalign.cli import entry, train_job
from dynalign.cli.entry import Command
from dynalign.cli.summary import summarise
from dynalign.cli.sweep import SweepStart, typed_words
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


def test_a_full_disk_is_that_of_the_folder_of_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SweepStart, "results", None)
    SweepStart().on_run_start(OmegaConf.create({"hydra": {"run": {"dir": str(tmp_path)}}}))
    assert entry._exit_code(full) == 1
    assert capsys.readouterr().err.startswith(f"Error: The disk is full at {tmp_path}; ")


def test_what_refers_to_nothing_is_named(tmp_path: Path) -> None:
    config = OmegaConf.create({"curriculum": {"name": "${nothing}"}})
    with pytest.raises(OmegaConfBaseException) as raised:
        _ = config.curriculum.name
    assert entry._reason(raised.value, tmp_path) == "curriculum.name: Interpolation key 'nothing' not found."
    assert list(tmp_path.iterdir()) == []


def test_what_was_typed_is_not_what_it_stands_for() -> None:
    settings = OmegaConf.create({"overrides": {"task": ["curriculum.name=${nothing}", "seed=0"]}})
    assert typed_words(settings) == ["curriculum.name=${nothing}", "seed=0"]


def test_a_job_can_be_sent_to_another_process() -> None:
    task = entry._Task(Command("train", train_job.run_job, summarise))
    assert pickle.loads(pickle.dumps(task)) == task
