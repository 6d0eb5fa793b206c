"""What a job leaves to read."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path

import pytest

from dynalign.cli import terminal
from dynalign.cli.job_log import LOG, logged, note


def test_what_is_printed_noted_and_warned_of_is_in_the_log(tmp_path: Path) -> None:
    with terminal.captured() as said, logged(tmp_path):
        terminal.console().print("[green]trained[/]  rnn", soft_wrap=True)
        note("epoch 1: accuracy 0.50")
        logging.getLogger("somebody").warning("a library's\nwarning")
        logging.getLogger("somebody").info("a library's chatter")
    terminal.console().print("after the job")
    lines = (tmp_path / LOG).read_text().splitlines()
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
    assert [re.sub(when, "", line).strip() for line in lines] == [
        "trained  rnn",
        "epoch 1: accuracy 0.50",
        "a library's",
        "warning",
    ]
    assert sum(re.match(when, line) is not None for line in lines) == 3
    assert said.getvalue() == "trained  rnn\n"


def test_a_log_goes_on_where_it_ended_and_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    for text in ("first", "api_key=" + "0123456789" * 4):
        with logged(tmp_path):
            note(text)
    log = (tmp_path / LOG).read_text()
    assert "first" in log
    assert "0123456789" * 4 not in log


def test_where_it_cannot_be_written_nothing_else_changes(tmp_path: Path) -> None:
    with logged(tmp_path / "missing"), warnings.catch_warnings():
        warnings.simplefilter("error")
        note("lost")
    assert not (tmp_path / "missing").exists()


def test_others_warnings_are_still_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, printed = logging.getLogger(), list[str]()
    monkeypatch.setattr(root, "handlers", [])
    last = logging.Handler(logging.WARNING)
    monkeypatch.setattr(last, "emit", lambda record: printed.append(record.getMessage()))
    monkeypatch.setattr(logging, "lastResort", last)
    with logged(tmp_path):
        logging.getLogger("somebody").warning("seen")
    assert printed == ["seen"]
    assert "seen" in (tmp_path / LOG).read_text()
    assert root.handlers == []
