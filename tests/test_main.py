"""The command that an installation brings."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

from dynalign import __version__
from dynalign.__main__ import main


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["dynalign", *words])


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_names_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    typed(monkeypatch, *words)
    main()
    out = capsys.readouterr().out
    assert "dynalign train" in out
    assert "dynalign testcase" in out


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(monkeypatch, "--version")
    main()
    assert capsys.readouterr().out == f"dynalign {__version__}\n"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("trian", "did you mean train?"),
        ("xyz", "there is clean-store, compare, dashboard, figures, pairs, runs, study, testcase, train."),
    ],
)
def test_a_misspelt_command_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, hint: str
) -> None:
    typed(monkeypatch, word, "model=rnn")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert capsys.readouterr().err == f"Error: there is no command {word}; {hint}\n"


def test_overrides_reach_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(sys, "path", list(sys.path))
    command = SimpleNamespace(main=lambda: seen.append(list(sys.argv)))
    monkeypatch.setattr(importlib, "import_module", lambda name: {"dynalign.cli.testcase": command}[name])
    typed(monkeypatch, "testcase", "-m", "metric=dsa,cka")
    main()
    assert seen == [["dynalign testcase", "-m", "metric=dsa,cka"]]


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'hydra.core'", name="hydra.core")

    monkeypatch.setattr(importlib, "import_module", missing)
    typed(monkeypatch, "train")
    with pytest.raises(SystemExit, match=r"dynalign train needs the package hydra; pip install 'dynalign\[train\]'"):
        main()


def test_a_module_of_ours_that_is_missing_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'dynalign.gone'", name="dynalign.gone")

    monkeypatch.setattr(importlib, "import_module", missing)
    typed(monkeypatch, "train")
    with pytest.raises(ModuleNotFoundError, match=r"dynalign\.gone"):
        main()
