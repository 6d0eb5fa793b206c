"""W&B's logger, whatever the environment and the network are like; each case in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.wandb_file import read_run

from dynalign.loggers import LoggerWarning, RunInfo, logged_in
from dynalign.loggers import wandb as ours

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


class Refusing(BaseHTTPRequestHandler):
    """Answers as W&B's server does to a key that it does not know."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.mark.slow
def test_a_key_that_is_refused_means_offline_with_one_warning(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = log_two_runs(tmp_path, WANDB_API_KEY="0" * 40, WANDB_BASE_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    (warning,) = told.warnings
    assert "W&B refuses this run" in warning
    assert "offline" in warning
    for name in ("one", "two"):
        assert any(row.get("accuracy") == 0.5 for row in read_run(tmp_path / name).history)


def test_the_wait_for_a_server_is_bounded_whatever_hangs(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """A name server, for example, may take as long as it likes."""
    monkeypatch.setenv("WANDB_MODE", "")
    monkeypatch.setattr(ours, "_PATIENCE", 0.05)
    monkeypatch.setattr(ours, "build_opener", lambda *_: threading.Event().wait())
    start = time.monotonic()
    assert not ours._answers("http://me:secret@nowhere.example")
    assert time.monotonic() - start < 1
    assert os.environ["WANDB_MODE"] == "offline"  # for those that are started from here, too
    said = str(recwarn.pop(LoggerWarning).message)
    assert said.startswith("The W&B server http://nowhere.example does not answer (not within 0.05 s)")


def test_a_project_has_a_name_that_is_taken() -> None:
    assert ours._project("dynalign") == "dynalign"
    with pytest.warns(LoggerWarning, match=r"no project called a/b:c#\?: it is called a-b-c-- there"):
        assert ours._project("a/b:c#?") == "a-b-c--"


def test_a_folder_that_cannot_be_written_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = RunInfo("abc", "rnn", "sweep", "train", [], {}, tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "mine"))
    assert ours._folder(info) == str(tmp_path / "mine")
    (tmp_path / "file").touch()
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file" / "mine"))
    with pytest.warns(LoggerWarning, match=r"WANDB_DIR=.* cannot be written to"):
        assert ours._folder(info) == str(tmp_path)


def test_a_home_that_cannot_be_written_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("WANDB_CACHE_DIR", "WANDB_DATA_DIR")
    for name in (*names, "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, "")  # to be put back
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    ours._find_a_home(tmp_path / "results")
    assert [os.environ.get(name) for name in names] == [None, None]
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    ours._find_a_home(tmp_path / "results")
    assert {os.environ[name] for name in names} == {str(tmp_path / "results" / ".wandb-home")}


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
