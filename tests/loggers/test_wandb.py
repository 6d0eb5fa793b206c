"""W&B's logger, whatever the environment and the network are like; each case in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.wandb_file import read_run

from dynalign.loggers import logged_in

PROGRAM = """
import json, time, warnings
from pathlib import Path
import pytorch_lightning, wandb
from dynalign.loggers import LoggedRuns, RunInfo, WandbRuns

start = time.perf_counter()
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for name in ("one", "two"):
        folder = Path(name)
        folder.mkdir()
        info = RunInfo(name * 2, f"rnn {name}", "sweep", "train", ["rnn"], {"noise": 0.1}, folder)
        runs = LoggedRuns([WandbRuns()], info)
        runs.log({"accuracy": 0.5, "epoch": 1}, step=3)
        runs.finish({"final/accuracy": 0.5})
ours = [str(warning.message) for warning in said if warning.category.__name__ == "LoggerWarning"]
print(json.dumps([ours, time.perf_counter() - start]))
"""


@dataclass
class Told:
    warnings: list[str]
    seconds: float


def log_two_runs(folder: Path, **environment: str) -> Told:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "NETRC"))}
    inherited |= {"HOME": str(folder), "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder, env=inherited | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Told(*json.loads(done.stdout.splitlines()[-1]))


def closed_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.slow
def test_a_closed_port_means_offline_with_one_warning(tmp_path: Path) -> None:
    told = log_two_runs(tmp_path, WANDB_API_KEY="0" * 40, WANDB_BASE_URL=closed_port())
    assert_logged_offline_with_one_warning(tmp_path, told)


@pytest.mark.slow
def test_a_server_that_never_answers_means_offline_with_one_warning(tmp_path: Path) -> None:
    with socket.socket() as listener:  # the system accepts connections; nobody ever answers them
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        told = log_two_runs(tmp_path, WANDB_API_KEY="0" * 40, WANDB_BASE_URL=address)
    assert_logged_offline_with_one_warning(tmp_path, told)


def assert_logged_offline_with_one_warning(folder: Path, told: Told) -> None:
    (warning,) = told.warnings
    assert "does not answer" in warning
    assert "offline" in warning
    assert told.seconds < 45  # W&B itself would wait 90 s for each of the two
    for name in ("one", "two"):
        run = read_run(folder / name)
        assert run.finished
        assert any(row.get("accuracy") == 0.5 for row in run.history)


@pytest.mark.slow
def test_each_run_is_its_own_whatever_the_environment_says(tmp_path: Path) -> None:
    told = log_two_runs(
        tmp_path, WANDB_RUN_ID="shared", WANDB_NAME="shared", WANDB_RUN_GROUP="shared", WANDB_RESUME="must"
    )
    assert told.warnings == []
    for name in ("one", "two"):
        (folder,) = (tmp_path / name / "wandb").glob("offline-run-*")
        assert folder.name.endswith(f"-{name * 2}")
        run = read_run(tmp_path / name)
        assert (run.name, run.group, run.job_type, run.tags) == (f"rnn {name}", "sweep", "train", ["rnn"])
        assert run.config["noise"] == 0.1


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without a key."""
    for name in ("WANDB_API_KEY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("dynalign.loggers.wandb._server", lambda: "https://api.wandb.ai")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


LOGIN = "machine {host}\n  login user\n  password " + "0" * 40 + "\n"


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
@pytest.mark.parametrize(("host", "there"), [("api.wandb.ai", True), ("elsewhere.example", False)])
def test_a_key_is_found_in_netrc(nobody: Path, name: str, host: str, there: bool) -> None:
    assert not logged_in()
    path = nobody / name
    path.write_text(LOGIN.format(host=host))
    path.chmod(0o600)
    assert logged_in() is there


def test_netrc_may_lie_elsewhere(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = nobody / "keys"
    path.write_text(LOGIN.format(host="api.wandb.ai"))
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    assert logged_in()


def test_a_netrc_that_cannot_be_read_is_no_key(nobody: Path) -> None:
    (nobody / ".netrc").write_text("machine\n")
    assert not logged_in()


def test_a_key_in_the_environment_counts(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert logged_in()
