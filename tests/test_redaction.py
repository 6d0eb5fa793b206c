"""No key of the user's in what is written."""

from __future__ import annotations

import pytest

from dynalign.redaction import HIDDEN, redacted, redacted_data


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "HF_TOKEN", "MY_SECRET", "DB_PASSWORD", "APIKEY"])
def test_what_the_environment_holds_is_hidden(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0123456789abcdef")
    assert redacted("entity=0123456789abcdef failed") == f"entity={HIDDEN} failed"
    assert redacted_data({"a": ["0123456789abcdef", 1, None], "b": {"c": "x0123456789abcdef"}}) == {
        "a": [HIDDEN, 1, None],
        "b": {"c": f"x{HIDDEN}"},
    }


def test_other_words_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "rnn")  # too short for a key, and a word that stands everywhere
    monkeypatch.setenv("SOMETHING", "0123456789abcdef")
    assert redacted("rnn 0123456789abcdef") == "rnn 0123456789abcdef"


def test_the_login_of_an_address_is_hidden() -> None:
    said = redacted("http://me:secret@proxy.example:80/x does not answer; mail me@home")
    assert said == "http://proxy.example:80/x does not answer; mail me@home"
