"""The main job, small: one command, a failing job among it, and what it leaves behind."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from tests.cli.tiny import DSA, TINY
from tests.command import ROOT, Ran, run
from tests.report.pages import Page
from tests.wandb_file import read_run, read_runs

from dynalign.cli.figures import write_figures
from dynalign.loggers.workspace import Shown, specification, workspace

pytestmark = pytest.mark.slow


def train(store: Path, folder: Path, *arguments: str, afresh: bool = False) -> Ran:
    return run("train.py", store, folder, *arguments, *TINY, *DSA, afresh=afresh)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Rnn and mamba, without noise and with recurrent noise, of which mamba's last has no meaning."""
    base = tmp_path_factory.mktemp("sweep")
    typed = ["-m", "model=rnn,mamba", "noise=0,0.1", "perturbation=recurrent"]
    return train(base / "store", base / "first", *typed, afresh=True)


def test_the_others_finish_and_the_status_tells(sweep: Ran) -> None:
    assert sweep.code == 1, sweep.output
    states = [json.loads((sweep.folder / str(job) / "result.json").read_text())["status"] for job in range(4)]
    assert states == ["trained", "trained", "trained", "failed"]
    assert "model=mamba noise=0.1 perturbation=recurrent" in sweep.output
    assert "Recurrent noise has no meaning for Mamba" in sweep.output
    assert "Warning" not in sweep.output
    assert "Traceback" not in sweep.output
    last = sweep.output.strip().splitlines()[-3:]
    assert [line.split()[0] for line in last] == ["table", "report", "W&B"]


def test_the_end_says_what_uploads_the_runs(sweep: Ran) -> None:
    """The line is typed as it stands, in the folder of the command, but for what would need an account."""
    line = sweep.output.strip().splitlines()[-1]
    assert line.startswith("W&B    5 runs offline; to upload: ")
    words = shlex.split(line.partition("to upload: ")[2])
    told = subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Would sync 5 run(s)" in told.stdout + told.stderr


def test_one_row_per_number(sweep: Ran) -> None:
    table = pd.read_parquet(sweep.folder / "dissimilarities.parquet")
    written = pd.read_csv(sweep.folder / "dissimilarities.csv").fillna({"reason": ""})
    pd.testing.assert_frame_equal(table, written, check_dtype=False, rtol=1e-12)
    learning, pairs = (table[table["comparison"] == kind] for kind in ("learning", "pairwise"))
    assert len(learning) == 3 * 3 * 3  # runs, checkpoints, metrics
    assert len(pairs) == 3 * 6  # metrics, pairs of three runs with themselves
    own = pairs[pairs["run"] == pairs["reference"]]
    assert own["dissimilarity"].max() < 1e-4
    assert pairs.loc[pairs["run"] != pairs["reference"], "dissimilarity"].min() > 1e-3
    assert learning.loc[learning["epoch"] == 0, "dissimilarity"].max() < 1e-4
    assert set(table["noise"]) == {0.0, 0.1}
    assert table.drop(columns=["reason", "floor"]).notna().all().all()
    floors = table.loc[table["metric"].str.startswith("DSA"), "floor"]
    assert (floors > 0).all()
    assert table["floor"].drop(floors.index).isna().all()  # they compare trial by trial
    assert set(table["unit"]) == {"angle / (π/2)"}


def test_report_and_figures(sweep: Ran) -> None:
    report = (sweep.folder / "report.html").read_text()
    for name in ("rnn noise=0", "rnn noise=0.1", "mamba noise=0"):
        assert name in report
    assert "Recurrent noise has no meaning for Mamba" in report
    for metric in ("dsa-n_delays-3-rank-6-starts-12", "cka", "procrustes"):
        assert (sweep.folder / f"matrix-{metric}.png").stat().st_size > 5000
    page = Page(report)
    kinds = [chart["kind"] for chart in page.charts.values()]
    assert kinds.count("matrix") == kinds.count("map") == 3
    (states,) = (chart for chart in page.charts.values() if chart["kind"] == "trajectories")
    assert [network["name"] for network in states["networks"]] == ["rnn noise=0", "rnn noise=0.1", "mamba noise=0"]
    links = [link["href"] for link in page.all("a")]
    assert links == ["dissimilarities.csv", "dissimilarities.parquet", "../store"]
    assert "git commit" in page.text or not (ROOT / ".git").exists()


def test_figures_for_papers(sweep: Ran) -> None:
    assert write_figures(sweep.folder, Console(quiet=True)) == []
    names = {path.name for path in (sweep.folder / "figures").iterdir()}
    assert names >= {"learning.svg", "learning.pdf", "training.pdf", "matrix-cka.svg", "map-procrustes.pdf"}


def test_wandb_run_holds_history_config_and_group(sweep: Ran) -> None:
    job = read_run(sweep.folder, "rnn perturbation=recurrent noise=0.1")
    key = json.loads((sweep.folder / "1" / "result.json").read_text())["key"]
    assert job.id.startswith(f"{key}-")
    assert job.exit_code == 0
    assert job.name.startswith("rnn perturbation=recurrent noise=0.1")
    assert job.group == sweep.folder.name
    assert job.job_type == "train"
    assert {"rnn", "pdm", "master"} <= set(job.tags)
    flat = {"model": "rnn", "task": "pdm", "curriculum": "master", "perturbation": "recurrent", "noise": 0.1, "seed": 0}
    assert {name: job.config[name] for name in [*flat, "key"]} == {**flat, "key": key}
    assert job.config["config"]["model"]["hidden"] == 64
    accuracy = {row["epoch"]: row["accuracy"] for row in job.history if "accuracy" in row}
    assert set(accuracy) == {0, 1, 2}
    table = pd.read_parquet(sweep.folder / "1" / "dissimilarities.parquet")
    for metric in ("dsa", "cka", "procrustes"):
        logged = [row[f"dissimilarity/{metric}"] for row in job.history if f"dissimilarity/{metric}" in row]
        mine = table["metric"].str.lower().str.startswith(metric)
        np.testing.assert_allclose(logged, table.loc[mine, "dissimilarity"], atol=1e-9)
        floors = [row[f"dissimilarity/{metric}/floor"] for row in job.history if f"dissimilarity/{metric}/floor" in row]
        np.testing.assert_allclose(floors, table.loc[mine, "floor"].dropna(), atol=1e-9)
    assert job.finished


def test_wandb_summary_run_is_in_the_same_group(sweep: Ran) -> None:
    summary = read_run(sweep.folder, "summary")
    assert summary.group == sweep.folder.name
    assert summary.job_type == "summary"
    logged = {key.split(".")[0] for row in summary.history for key in row}
    assert {"matrix/CKA", "runs", "figures", "dissimilarities"} <= logged
    assert set(summary.artifacts[f"report-{sweep.folder.name}"]) == {"report.html", "dissimilarities.csv"}
    assert summary.config["varied"] == {"model": ["rnn", "mamba"], "noise": [0, 0.1]}
    assert summary.config["curriculum"] == "master"
    assert summary.config["config"]["trainer"]["epochs"] == 2


def test_a_failed_job_is_a_failed_run(sweep: Ran) -> None:
    lost = read_run(sweep.folder, "model=mamba noise=0.1")
    assert lost.exit_code == 1
    assert lost.group == sweep.folder.name
    assert "Recurrent noise has no meaning for Mamba" in lost.summary["final/reason"]
    assert (lost.config["model"], lost.config["noise"]) == ("mamba", 0.1)


def test_panels_of_the_dashboard_show_what_is_logged(sweep: Ran) -> None:
    jobs, summary = read_runs(sweep.folder), read_run(sweep.folder, "summary")
    curves = {key for job in jobs for row in job.history for key in row}
    numbers = {key for job in jobs for key in job.summary} | {f"config:{key}.value" for key in jobs[0].config}
    tables = {key.split(".")[0] for row in summary.history for key in row}
    shown = [Shown(label, label.lower(), label.lower()) for label in ("CKA", "Procrustes")]
    spec = specification(workspace("dynalign", "", "dynalign", shown, ["master"]))["spec"]
    for section in spec["section"]["panelBankConfig"]["sections"]:
        for panel in (each["config"] for each in section["panels"] if "chartTitle" in each["config"]):
            if section["name"] == "Dissimilarity over learning":
                assert set(panel["metrics"]) <= curves
            elif section["name"] == "Noise":
                assert {panel["xAxis"], panel["yAxis"].removeprefix("summary:")} <= numbers
            elif "reference" in panel["chartTitle"]:
                assert set(panel["metrics"]) <= numbers
    assert {"runs", "figures", "dissimilarities"} <= tables


def test_other_noise_on_the_representation_trains_nothing(sweep: Ran) -> None:
    store = sweep.folder.parent / "store"
    keys = {path.name for path in store.iterdir() if path.is_dir()}
    again = train(
        store, sweep.folder.parent / "third", "-m", "model=rnn", "noise=0,0.2,0.4",
        "perturbation=representation", "reference=final",
    )  # fmt: skip
    assert again.code == 0, again.output
    assert {path.name for path in store.iterdir() if path.is_dir()} == keys
    states = [json.loads((again.folder / str(job) / "result.json").read_text())["status"] for job in range(3)]
    assert states == ["from store"] * 3
    table = pd.read_parquet(again.folder / "dissimilarities.parquet")
    pairs = table[(table["comparison"] == "pairwise") & (table["metric"] == "CKA") & (table["noise"] == 0)]
    by_noise = pairs.set_index("reference")["dissimilarity"]
    assert by_noise.iloc[0] < by_noise.iloc[1] < by_noise.iloc[2]


def test_single_run_against_another_ones_key(sweep: Ran) -> None:
    store = sweep.folder.parent / "store"
    key = read_run(sweep.folder, "rnn perturbation=recurrent noise=0.1").config["key"]
    single = train(store, sweep.folder.parent / "single", f"reference={key[:8]}", "logger=none")
    assert single.code == 0, single.output
    table = pd.read_parquet(single.folder / "dissimilarities.parquet")
    last = table[(table["comparison"] == "learning") & (table["epoch"] == 2) & (table["metric"] == "CKA")]
    pairs = pd.read_parquet(sweep.folder / "dissimilarities.parquet").query(
        "comparison == 'pairwise' and metric == 'CKA'"
    )
    expected = pairs[(pairs["run"] == "rnn noise=0") & (pairs["reference"] == "rnn noise=0.1")]
    assert last["dissimilarity"].item() == pytest.approx(expected["dissimilarity"].item(), abs=1e-9)
