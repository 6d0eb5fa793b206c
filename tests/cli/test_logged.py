"""What the end of a run says of W&B."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from dynalign.cli.logged import note_places, program, tell_places
from dynalign.loggers import Place
from dynalign.results import Result, Sweep


def told(sweep: Sweep) -> list[str]:
    output = io.StringIO()
    tell_places(sweep, Console(file=output, width=40))
    return output.getvalue().splitlines()


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: "/bin/wandb")
    results = [Result("train", number, folder=tmp_path / "a sweep" / str(number)) for number in range(2)]
    for result in results:
        result.folder.mkdir(parents=True)
    return Sweep(tmp_path / "a sweep", results)


def test_runs_that_are_offline_come_with_what_uploads_them(sweep: Sweep) -> None:
    offline = Place("W&B", str(sweep.folder / "wandb"), online=False)
    for result in sweep.results:
        note_places(result.folder, "of an older run", [offline, offline])
        note_places(result.folder, "rnn", [offline])
    note_places(sweep.folder, "summary", [offline], beside=True)
    note_places(sweep.folder, "summary", [offline], beside=True)
    assert told(sweep) == ["W&B    3 runs offline; to upload: wandb sync 'a sweep/wandb'"]


def test_runs_that_are_online_come_with_their_address(sweep: Sweep) -> None:
    url = "https://example.org/me/dynalign"
    note_places(sweep.results[0].folder, "rnn", [Place("W&B", "", online=True, url=url)])
    note_places(sweep.results[1].folder, "gru", [Place("W&B", "/elsewhere/wandb", online=False)])
    assert told(sweep) == [
        f"W&B    1 run online at {url}",
        "W&B    1 run offline; to upload: wandb sync /elsewhere/wandb",
    ]


def test_nothing_is_said_where_no_service_has_a_run(sweep: Sweep) -> None:
    note_places(sweep.results[0].folder, "rnn", [])
    assert told(sweep) == []


def test_a_program_that_is_not_found_by_its_name_is_typed_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.chdir(tmp_path)
    assert program("wandb") == "wandb"
    (tmp_path / "bin" / "wandb").touch()
    assert program("wandb") == "bin/wandb"
