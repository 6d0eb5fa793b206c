"""`python testcase.py`, small: a sweep, metrics that misbehave in it, and what it leaves behind."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from tests.command import Ran, run
from tests.wandb_file import read_run

TINY = [
    "simulation.trials=6", "simulation.time_steps=40", "simulation.families=[ring,line,hopf_cycle]",
]  # fmt: skip

pytestmark = pytest.mark.slow


def put_to_test(
    store: Path, folder: Path, *arguments: str, simulation: Sequence[str] = TINY, afresh: bool = False
) -> Ran:
    return run("testcase.py", store, folder, *arguments, *simulation, afresh=afresh)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    base = tmp_path_factory.mktemp("testcase")
    return put_to_test(
        base / "store", base / "first", "-m", "metric=cka,procrustes", "testcase=families,composition", "seed=0,1",
        afresh=True,
    )  # fmt: skip


def test_one_leaderboard_of_all_jobs(sweep: Ran) -> None:
    assert sweep.code == 0, sweep.output
    assert "Warning" not in sweep.output
    assert "Traceback" not in sweep.output
    last = sweep.output.strip().splitlines()[-4:]
    assert [line.split()[0] for line in last] == ["table", "leaderboard", "report", "W&B"]
    scores = pd.read_csv(sweep.folder / "leaderboard.csv")
    assert set(scores["metric"]) == {"CKA", "Procrustes"}
    assert set(scores["testcase"]) == {"families", "composition"}
    assert scores["value"].notna().all()
    assert (scores["low"] <= scores["high"]).all()
    assert scores.groupby(["testcase", "criterion"])["leads"].any().all()


def test_one_row_per_comparison_and_seed(sweep: Ran) -> None:
    rows = pd.read_parquet(sweep.folder / "dissimilarities.parquet")
    counts = rows.groupby(["metric", "testcase", "seed"]).size().unstack()
    assert (counts.loc[(slice(None), "families"), :] == 2 * 45).all().all()
    assert rows["dissimilarity"].notna().all()


def test_files_that_a_person_opens(sweep: Ran) -> None:
    names = {path.name for path in sweep.folder.iterdir()}
    assert {
        "curves-composition.png",
        "matrices-families-fresh-starts.png",
        "matrices-families-matched-starts.png",
    } <= names
    page = (sweep.folder / "report.html").read_text()
    text = (sweep.folder / "leaderboard.md").read_text()
    for word in ("CKA", "Procrustes", "families AUC", "Spearman"):
        assert word in page
        assert word in text
    assert "python testcase.py -m metric=cka,procrustes" in text


def test_wandb_has_the_tables_and_numbers(sweep: Ran) -> None:
    summary = read_run(sweep.folder)
    assert summary.group == sweep.folder.name
    assert {"leaderboard", "dissimilarities"} <= {key.split(".")[0] for row in summary.history for key in row}


def test_the_same_again_measures_nothing_and_says_the_same(sweep: Ran) -> None:
    again = put_to_test(
        sweep.folder.parent / "store", sweep.folder.parent / "again", "-m", "metric=cka,procrustes",
        "testcase=families,composition", "seed=0,1", "logger=none",
    )  # fmt: skip
    assert again.code == 0, again.output
    assert {json.loads((again.folder / str(job) / "result.json").read_text())["status"] for job in range(8)} == {
        "found"
    }
    first, second = (pd.read_csv(ran.folder / "leaderboard.csv") for ran in (sweep, again))
    pd.testing.assert_frame_equal(first, second)


def test_metrics_that_misbehave_lose_their_cells_and_nothing_else(tmp_path: Path) -> None:
    foreign = [
        f"+metric.{name.lower()}={{_target_: tests.foreign_metrics.{name}}}"
        for name in ("Mean", "Hanging", "Dying", "Undefined", "Failing")
    ]
    ran = put_to_test(
        tmp_path / "store",
        tmp_path / "run",
        "metric=cka",
        "testcase=families",
        "limit=3",
        "logger=none",
        *foreign,
        afresh=True,
    )
    assert ran.code == 0, ran.output
    scores = pd.read_csv(ran.folder / "leaderboard.csv").query("criterion == 'auc'").set_index("metric")
    assert scores.loc[["CKA", "Mean speed"], "value"].between(0.5, 1).all()
    reasons = scores["reason"].dropna()
    assert reasons["Hanging"] == "took longer than 3 s"
    assert "process died" in reasons["Dying"]
    assert reasons["Undefined"] == "returned nan"
    assert reasons["Failing"].startswith("KeyError: ")
    assert len(reasons) == 4
    for reason in reasons:
        assert reason in " ".join(ran.output.split())
    assert "Traceback" not in ran.output


def test_a_swept_setting_is_a_row_of_its_own(tmp_path: Path) -> None:
    ran = put_to_test(
        tmp_path / "store", tmp_path / "sweep", "-m", "metric=cka", "metric.cka.kernel=linear,rbf", "testcase=families",
        "logger=none",
    )  # fmt: skip
    assert ran.code == 0, ran.output
    assert set(pd.read_csv(ran.folder / "leaderboard.csv")["metric"]) == {"CKA", "CKA(kernel=rbf)"}


def test_a_diverging_system_is_named_and_the_other_jobs_finish(tmp_path: Path) -> None:
    ran = put_to_test(
        tmp_path / "store", tmp_path / "sweep", "-m", "metric=cka", "testcase=families", "logger=none",
        "simulation.integrator=euler,adaptive",
        simulation=["simulation.trials=5", "simulation.families=[lorenz_origin,lorenz_chaos]"],
    )  # fmt: skip
    assert ran.code == 1
    assert "The integration of lorenz(r=40, sigma=10, beta=2.667) diverges" in ran.output
    assert "Traceback" not in ran.output
    assert len(pd.read_csv(ran.folder / "leaderboard.csv")) == 4


def test_optuna_chooses_what_is_best(tmp_path: Path) -> None:
    if importlib.util.find_spec("optuna") is None:  # to import it here would make its warnings ours
        pytest.skip("needs optuna")
    ran = put_to_test(
        tmp_path / "store", tmp_path / "search", "-m", "search=dsa", "hydra.sweeper.n_trials=4", "logger=none",
        "testcase.composition.pairs_per_kind=2", simulation=["simulation.trials=4"],
    )  # fmt: skip
    assert ran.code == 0, ran.output
    best = (ran.folder / "optimization_results.yaml").read_text()
    values = [json.loads((ran.folder / str(job) / "result.json").read_text())["value"] for job in range(4)]
    assert f"best_value: {max(values)}" in best
    assert len(set(pd.read_csv(ran.folder / "leaderboard.csv")["metric"])) > 1
