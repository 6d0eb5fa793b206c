"""What was typed is checked before anything slow is imported."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from dynalign.cli.signatures import settings_of
from dynalign.cli.start import start
from dynalign.metrics import DSA, InputDSA
from dynalign.training.settings import Training

SLOW = {"torch", "pandas", "scipy", "matplotlib", "pytorch_lightning"}
TYPE = """
import sys
from dynalign.cli.{name} import main
sys.argv = ["{name}.py", *{words}]
try:
    main()
except SystemExit as end:
    print("END", end.code)
print("LOADED", *({slow} & set(sys.modules)))
"""


def arguments(kind: type) -> set[str]:
    return set(inspect.signature(kind).parameters)


def typed(name: str, *words: str) -> str:
    code = TYPE.format(name=name, words=list(words), slow=SLOW)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("train", ["model.hiden=3"], "END Error: There is no setting model.hiden"),
        ("compare", [], "END Error: There is nothing to compare"),
        ("train", ["--help"], "train.py trains a network"),
    ],
)
def test_a_slip_and_a_question_are_answered_before_anything_slow_is_imported(
    name: str, words: list[str], said: str
) -> None:
    output = typed(name, *words)
    assert said in output
    assert output.splitlines()[-1] == "LOADED"


def test_a_home_that_cannot_be_written_to_is_nothing_to_tell_of(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("matplotlib")
    monkeypatch.setattr(logger, "level", logging.WARNING)
    monkeypatch.setattr(sys, "argv", ["train.py", "model.hiden=3"])
    with pytest.raises(SystemExit):
        start("train")
    assert not logging.getLogger("matplotlib.font").isEnabledFor(logging.WARNING)


def test_letters_that_the_locale_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "store=\udcc3\udca9"])
    with pytest.raises(SystemExit, match=r"Error: Could not read store=\?\?: it has letters .* set PYTHONUTF8=1"):
        start("train")


def test_who_stops_reading_gets_no_trace_of_calls() -> None:
    command = [sys.executable, str(Path(__file__).parents[2] / "train.py"), "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_settings_are_read_from_the_source() -> None:
    assert settings_of("dynalign.metrics.DSA") == arguments(DSA)
    assert settings_of("dynalign.metrics.input_dsa.InputDSA") == arguments(InputDSA)
    assert settings_of("dynalign.training.settings.Training") == arguments(Training)
    assert {"hidden", "tau", "seed"} <= (settings_of("dynalign.models.LeakyRNN") or set())
    assert settings_of("torch.nn.Linear") is None
    assert settings_of("dynalign.metrics.NoSuch") is None
