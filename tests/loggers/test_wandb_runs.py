"""What W&B gets of runs and of a summary: read from the files of offline runs, all of which one process logs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runs import run_of
from tests.wandb_file import OfflineRun, read_runs

from dynalign.errors import DynalignError
from dynalign.loggers import RunInfo, WandbRuns
from dynalign.store import RunStore

PROGRAM = """
import os, warnings
from pathlib import Path
import pandas as pd
from matplotlib.figure import Figure
import pytorch_lightning, wandb
from dynalign.loggers import LoggedRuns, RunInfo, WandbRuns
from dynalign.store import RunStore

warnings.simplefilter("error")
for kind in (DeprecationWarning, ResourceWarning):  # of what wandb is made with
    warnings.filterwarnings("ignore", category=kind)

def info(name, **more):
    folder = Path(name)
    folder.mkdir(exist_ok=True)
    return RunInfo(f"id-{name}", name, "sweep", "train", ["rnn"], {"model": "rnn", "noise": 0.1}, folder, **more)

for runs, name in (
    (WandbRuns(), "environment"),
    (WandbRuns(project="mine", entity="me", tags=["d"]), "typed"),
    (WandbRuns(), "failed"),
    (WandbRuns(log_weights=True), "weights"),
):
    logged = LoggedRuns([runs], info(name, shared=Path("shared")))
    (place,) = logged.places
    assert (place.service, place.online) == ("W&B", False)
    assert Path(place.folder) == Path.cwd() / "elsewhere" / "wandb"
    logged.log({"accuracy": 0.5, "epoch": 1}, step=3)
    logged.keep(next(iter([RunStore("store").open(path.name) for path in Path("store").iterdir() if path.is_dir()])))
    logged.finish({"final/accuracy": 0.5}, failed=name == "failed")
report = Path("report.html")
report.write_text("<p>what came out</p>")
figure = Figure()
figure.subplots().plot([0, 1])
del os.environ["WANDB_DIR"]
place = WandbRuns().summary(
    info("summary", shared=Path("shared")), tables={"runs": pd.DataFrame({"run": ["a"], "accuracy": [0.9]})},
    figures={"learning": figure}, numbers={"pairwise/DSA/mean": 0.25}, files={"report.html": report},
)
assert Path(place.folder) == Path.cwd() / "shared" / "wandb"
"""
ENVIRONMENT = {
    "WANDB_PROJECT": "theirs",
    "WANDB_ENTITY": "team",
    "WANDB_TAGS": "b, c",
    "WANDB_DIR": "elsewhere",
    "WANDB_RESUME": "allow",
    "WANDB_MODE": "offline",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wandb")
    run_of(RunStore(folder / "store"))
    (folder / "elsewhere").mkdir()
    (folder / "shared").mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "NETRC"))}
    environment = {**inherited, **ENVIRONMENT, "HOME": str(folder), "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def runs(base: Path) -> dict[str, OfflineRun]:
    return {run.name: run for folder in ("elsewhere", "shared") for run in read_runs(base / folder)}


@pytest.mark.slow
def test_the_environment_counts_where_nothing_was_typed(runs: dict[str, OfflineRun]) -> None:
    for name, project, entity, tags in (
        ("environment", "theirs", "team", ["rnn", "b", "c"]),
        ("typed", "mine", "me", ["rnn", "d"]),
    ):
        run = runs[name]
        assert (run.project, run.entity, run.tags) == (project, entity, tags)
        assert run.id == f"id-{name}"
        assert not run.resume  # a run of that id is written anew, so that no step is there twice
        assert (run.config["model"], run.config["noise"]) == ("rnn", 0.1)


@pytest.mark.slow
def test_a_failed_run_says_so(runs: dict[str, OfflineRun]) -> None:
    assert {name: run.exit_code for name, run in runs.items()} == {
        "environment": 0, "typed": 0, "failed": 1, "weights": 0, "summary": 0,
    }  # fmt: skip


@pytest.mark.slow
def test_weights_on_request_are_a_store_of_their_own(runs: dict[str, OfflineRun], base: Path, tmp_path: Path) -> None:
    assert [name for name, run in runs.items() if any("weights" in artifact for artifact in run.artifacts)] == [
        "weights"
    ]
    ((_, files),) = runs["weights"].artifacts.items()
    for place, path in files.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / place)
    run = RunStore(tmp_path).open(next(iter(files)).split("/")[0])
    assert run.epochs == [0, 1, 2, 3]
    known = RunStore(base / "store").open(run.key).weights(3)
    assert all((known[name] == tensor).all() for name, tensor in run.weights(3).items())


@pytest.mark.slow
def test_a_summary_has_tables_with_media_and_the_report(runs: dict[str, OfflineRun]) -> None:
    run = runs["summary"]
    logged = {key: value for row in run.history for key, value in row.items()}
    assert {"runs", "figures", "learning"} <= {key.split(".")[0] for key in logged}
    table = run.artifacts["run-id-summary-figures"]
    assert "image-file" in table["figures.table.json"].read_text()
    (image,) = [path for place, path in table.items() if place.endswith(".png")]
    assert image.read_bytes().startswith(b"\x89PNG")
    assert set(run.artifacts["report-sweep"]) == {"report.html"}
    assert run.summary["pairwise/DSA/mean"] == 0.25


def test_an_agents_trial_has_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc")
    with pytest.raises(DynalignError, match="leave -m out"):
        WandbRuns().start(RunInfo("id", "rnn", "sweep", "train", [], {}, tmp_path))


@pytest.mark.parametrize(
    ("typed", "environment", "online"),
    [("auto", "offline", False), ("auto", "online", True), ("offline", "online", False), ("online", "offline", True)],
)
def test_the_mode_of_the_environment_counts_unless_another_is_typed(
    typed: str, environment: str, online: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", environment)
    monkeypatch.setattr("dynalign.loggers.wandb._answers", lambda _: True)
    assert WandbRuns(mode=typed).is_online is online
