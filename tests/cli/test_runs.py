"""The networks in a store, listed, shown, opened and deleted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.runs import run_of

from dynalign.cli import runs
from dynalign.store import RunStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    store = RunStore(tmp_path_factory.mktemp("runs") / "store")
    for seed in (0, 1):
        run_of(store, seed, pretrain=("basic",), train=("anti",), epochs=1)
    return store


def typed(store: RunStore, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["dynalign runs", "--store", str(store.root), *words])
    try:
        runs.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_networks_are_listed(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = runs.listed(store)
    assert len(table) == 4  # two of them are what the others go on from
    assert set(table["seed"]) == {0, 1}
    assert {"basic", "basic → anti"} == set(table["learned"]) or {"basic", "anti"} == set(table["learned"])
    assert typed(store, monkeypatch=monkeypatch) == 0
    output = capsys.readouterr().out
    assert all(key[:8] in output for key in table["key"])
    assert "4 networks in" in output


def test_a_network_is_shown_and_opened(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = str(runs.listed(store)["key"].iloc[-1])
    assert typed(store, "show", key[:8], monkeypatch=monkeypatch) == 0
    output = capsys.readouterr().out
    assert "LeakyRNN" in output
    assert "accuracy" in output
    assert typed(store, "open", key[:8], monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.strip() == str(store.root / key)


def test_what_is_not_there_gets_one_sentence(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["show", "zz"], ["delete", "zz"], ["open", "../x"]):
        assert typed(store, *words, monkeypatch=monkeypatch) == 1
        assert capsys.readouterr().err.startswith("Error: ")
    monkeypatch.setattr(sys, "argv", ["dynalign runs", "--store", str(store.root / "none")])
    with pytest.raises(SystemExit):
        runs.main()
    assert "There is no store" in capsys.readouterr().err


def test_a_network_goes_with_those_that_go_on_from_it_and_never_without_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = RunStore(tmp_path / "store")
    whole = run_of(store, pretrain=("basic",), train=("anti",), epochs=1)
    other = run_of(store, 1, epochs=1)
    assert whole.before is not None
    assert typed(store, "delete", whole.before.key, monkeypatch=monkeypatch) == 1  # nobody to ask
    assert len(runs.listed(store)) == 3
    capsys.readouterr()
    assert typed(store, "delete", whole.before.key, "--yes", monkeypatch=monkeypatch) == 0
    assert "2 networks deleted" in capsys.readouterr().out
    assert list(runs.listed(store)["key"]) == [other.key]
