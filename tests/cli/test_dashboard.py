"""`dynalign dashboard` without a login."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dynalign.cli import dashboard


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_ENTITY", "team")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["dynalign dashboard", *words])
    dashboard.main()


def test_the_specification_is_written_with_what_publishes_it(
    nobody: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["metric=[dsa,rsa]", "metric.dsa.rank=20", "logger.wandb.project=mine"]
    make(monkeypatch, *words)
    about = json.loads((nobody / "multirun" / "workspace.json").read_text())
    assert (about["project"], about["entity"], about["displayName"]) == ("mine", "team", "dynalign")
    for name in ("dissimilarity/dsa", "dissimilarity/rsa", "to_master/DSA(rank=20)/master"):
        assert f'"{name}"' in json.dumps(about["spec"])
    assert "cka" not in json.dumps(about["spec"])
    said = capsys.readouterr().out.splitlines()
    assert said[-1].endswith(f"dashboard 'metric=[dsa,rsa]' {' '.join(words[1:])}")
    assert "login && " in said[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m"], "leave -m out"),
        (["titel=x"], "did you mean title?"),
        (["title="], "title must be the name"),
        (["logger=none"], "leave logger=wandb as it is"),
    ],
)
def test_a_slip_gets_one_sentence(nobody: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        make(monkeypatch, *words)
