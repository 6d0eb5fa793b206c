"""Nothing in a store is deleted that was not shown, and nothing without a yes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from dynalign.cli.clean_store import clean, main
from dynalign.inventory import KINDS

ALL = list(KINDS)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    for name in ("a" * 16, "b" * 16 + ".partial", "c" * 16 + ".damaged", "measurements"):
        (store / name).mkdir(parents=True)
        (store / name / "file").write_bytes(bytes(2000))
    for key in "ab":
        (store / f"{key * 16}.lock").touch()
    (store / "notes.txt").touch()
    return store


def run(store: Path, kinds: list[str] = ALL, *, yes: bool = False) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=200)
    code = clean(store, kinds, console, yes=yes)
    return code, console.file.getvalue()  # type: ignore[attr-defined]


def names(store: Path) -> set[str]:
    return {path.name for path in store.iterdir()}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("said", ["", "y\n", "no\n", "YES!\n"])
def test_nothing_goes_without_a_yes(store: Path, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names(store)
    monkeypatch.setattr(sys, "stdin", Terminal(said))
    code, shown = run(store)
    assert code == 1
    assert names(store) == before
    assert "finished networks" in shown
    assert "2.0 kB" in shown


def test_nobody_to_ask_is_no_yes(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = names(store)
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert run(store)[0] == 1
    assert names(store) == before
    assert "there is nobody to ask; type --yes" in capsys.readouterr().err


def test_with_a_yes_all_of_it_goes_but_what_is_not_the_stores(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    code, shown = run(store)
    assert code == 0
    assert "8.0 kB deleted" in shown
    assert "stays: notes.txt" in shown
    assert names(store) == {"notes.txt"}
    assert "nothing to delete" in run(store, yes=True)[1]


def test_some_kinds_alone(store: Path) -> None:
    assert run(store, ["begun", "damaged"], yes=True)[0] == 0
    assert names(store) == {"a" * 16, "a" * 16 + ".lock", "measurements", "notes.txt"}


def test_a_run_at_work_stays(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FileLock(store / f"{'b' * 16}.lock"):
        assert run(store, yes=True)[0] == 1
    assert names(store) == {"b" * 16 + ".partial", "b" * 16 + ".lock", "notes.txt"}
    assert "is a run at work?" in capsys.readouterr().err


def test_what_is_typed(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code in (([str(store), "--yes", "--only", "runs"], 0), ([str(store / "nowhere")], 1)):
        monkeypatch.setattr(sys, "argv", ["dynalign clean-store", *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == code
    assert f"There is no store {store / 'nowhere'}" in capsys.readouterr().err
    assert "a" * 16 not in names(store)
