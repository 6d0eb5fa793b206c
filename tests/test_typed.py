"""What the documents tell people to type is understood as it stands."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from tests.command import ROOT

from dynalign.__main__ import _COMMANDS
from dynalign.cli import CONF, compare, study
from dynalign.cli.check import check_command_line
from dynalign.errors import DynalignError

REWRITTEN: dict[str, Callable[[list[str]], list[str]]] = {"compare": compare.rewritten, "study": study.rewritten}
NEEDS = {"launcher=joblib": "joblib", "launcher=submitit": "submitit", "launcher=ray": "ray", "optuna": "optuna"}
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _lines() -> list[str]:
    """Return every line that is typed into a shell, once, without what is said of it."""
    found = []
    for document in DOCUMENTS:
        for block in re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = [word for word in shlex.split(line, comments=True) if word != "..."]
                found += [shlex.join(words)] if words else []
    return list(dict.fromkeys(found))


LINES = _lines()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documents say that a reader has: recordings, networks, a metric and data of one's own."""
    folder = tmp_path_factory.mktemp("typed")
    for name in ("monkey_a.mat", "monkey_b.npz", "monkey_c.csv"):
        (folder / "recordings").mkdir(exist_ok=True)
        (folder / "recordings" / name).touch()
    (folder / "mine" / "metric").mkdir(parents=True)
    (folder / "mine" / "metric" / "mine.yaml").write_text("# @package metric.mine\n_target_: dynalign.metrics.CKA\n")
    (folder / "mine" / "data").mkdir()
    example = (CONF / "data" / "example.yaml").read_text(encoding="utf-8")
    (folder / "mine" / "data" / "mine.yaml").write_text(example, encoding="utf-8")
    for store in ("multirun/store", "elsewhere/store"):
        for key in ("4df59c68", "9a0c1d2e"):
            (folder / store / f"{key}{8 * '0'}").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith(("python ", "dynalign "))])
def test_a_command_is_understood(line: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    program, command, *words = shlex.split(line)
    if command.startswith("examples/"):
        assert (ROOT / command).is_file()
        return
    name = command.removesuffix(".py")
    assert program == "dynalign" or (ROOT / command).is_file()
    if not (CONF / f"{name}.yaml").is_file():  # it is none of Hydra's
        assert name in _COMMANDS
        return
    package = next((each for part, each in NEEDS.items() if part in line), None)
    wrong = "nosie" in line or (package is not None and importlib.util.find_spec(package) is None)
    with pytest.raises(DynalignError, match=r"did you mean noise|pip install") if wrong else nullcontext():
        typed = check_command_line(REWRITTEN.get(name, list)(words), CONF, name)
        assert (typed.expected is not None) == ("-m" in words and "optuna" not in line and "search" not in line)


def test_make_has_every_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    typed = [shlex.split(line)[1] for line in LINES if line.startswith("make ")]
    assert {"sweep", "testcase", "paper", "test"} <= set(typed) <= set(targets)


def test_pip_has_every_extra() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = set(re.findall(r"^([a-z_]+) =", section, re.MULTILINE))
    for document in DOCUMENTS:
        for named in re.findall(r"dynalign\[([a-z_,]+)\]'", document.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= extras, f"{document.name}: {named}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning's, of a trainer that is made and not used
def test_the_readmes_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    times, phases = np.arange(60), np.random.default_rng(0).uniform(0, 2 * np.pi, size=(12, 1, 4))
    states = np.sin(np.array([0.1, 0.17, 0.23, 0.31]) * times[:, None] + phases)
    given = {
        "pl": pl,
        "probe": torch.zeros(4, 30, 2),
        "x": states[:6],
        "y": states[6:],
        "systems": [states[:6], states[6:], states[::2]],
        "rnns": [states[:4], states[4:8]],
        "grus": [states[8:], states[::3]],
    }
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        exec(compile(block, "README.md", "exec"), dict(given))
    said = capsys.readouterr().out
    assert "times the floor" in said
    assert "alignment: " in said
