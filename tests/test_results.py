"""Results of jobs, and the sweep that finds them: wherever they are, and whatever became of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA
from dynalign.results import (
    FAILED,
    KILLED,
    MISSING,
    NUMBERS,
    Result,
    Sweep,
    labelled,
    read_result,
    sweep_folder_of,
    to_plain,
)
from dynalign.tables import write_table

FACTORS = {"model": "rnn", "task": "pdm", "noise": 0, "seed": 0}


def numbers(value: float, label: str = "CKA", reference: str = "initial") -> pd.DataFrame:
    row = dict(zip(NUMBERS, ("learning", 3, 0.9, label, "none", reference, value, 0.01, 0.1, ""), strict=True))
    return pd.DataFrame([{"run": "whatever the job called it", **row}])


def finish(result: Result, value: float = 0.5, metric: Any = None, **factors: Any) -> Result:
    """End a job as a command does."""
    metric = CKA() if metric is None else metric
    write_table(numbers(value, metric.label), result.folder, "dissimilarities")
    done = replace(
        result,
        status="trained",
        key="k",
        factors=to_plain({**FACTORS, **factors}),
        told=[name for name in factors if factors[name] != FACTORS.get(name)],
        facts={"accuracy": 0.9},
        metrics={metric.label: asdict(metric.describe())},
        table="dissimilarities.parquet",
        seconds=2.0,
    )
    done.write()
    return done


def run_sweep(folder: Path, subdirs: Sequence[str]) -> str:
    """Run a sweep over noise, with a job in every subfolder."""
    sweep = Sweep.start(folder, "train", [[f"noise={number}"] for number in range(len(subdirs))])
    for number, subdir in enumerate(subdirs):
        job = folder / subdir
        job.mkdir(parents=True, exist_ok=True)
        finish(Sweep.join(folder, job, "train", number, [f"noise={number}"]), value=number, noise=number)
    return sweep


LAYOUTS = {
    "numbers": ["0", "1", "2"],
    "names": ["noise=0", "noise=1", "noise=2"],
    "nested": ["rnn/noise/0", "rnn/noise/1", "rnn/noise/2"],
    "one inside another": ["a", "a/b", "a/b/c"],
    "elsewhere": ["../other/0", "../other/1", "../third/2"],
}


@pytest.mark.parametrize("subdirs", LAYOUTS.values(), ids=LAYOUTS)
def test_jobs_are_found_wherever_their_folders_are(tmp_path: Path, subdirs: list[str]) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    run_sweep(folder, subdirs)
    sweep = Sweep.load(folder)
    assert [result.factors["noise"] for result in sweep.results] == [0, 1, 2]
    assert [result.number for result in sweep.finished] == [0, 1, 2]
    assert not sweep.lost
    assert sweep.factors == ["noise"]
    assert list(sweep.runs()["run"]) == ["rnn noise=0", "rnn noise=1", "rnn noise=2"]
    table = sweep.table()
    assert list(table["dissimilarity"]) == [0, 1, 2]
    assert list(table["noise"]) == [0, 1, 2]
    assert list(table["run"]) == ["rnn noise=0", "rnn noise=1", "rnn noise=2"]


def test_a_folder_that_is_used_again_holds_the_jobs_of_the_last_sweep_alone(tmp_path: Path) -> None:
    run_sweep(tmp_path, ["0", "1", "2"])
    run_sweep(tmp_path, ["0", "x"])
    sweep = Sweep.load(tmp_path)
    assert [result.folder.name for result in sweep.results] == ["0", "x"]
    # One of a new sweep that never starts is not taken for the old one in its folder.
    Sweep.start(tmp_path, "train", [["noise=7"]])
    (lost,) = Sweep.load(tmp_path).lost
    assert (lost.status, lost.overrides) == (MISSING, ["noise=7"])


def test_a_moved_sweep_is_still_found(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    run_sweep(tmp_path / "here", ["a/0", "a/1"])
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert len(Sweep.load(tmp_path / "there").table()) == 2


def test_jobs_that_did_not_finish_are_told(tmp_path: Path) -> None:
    Sweep.start(tmp_path, "train", [["seed=0"], ["seed=1"], ["seed=2"], ["seed=3"], ["seed=4"]])
    for number in range(4):
        (tmp_path / str(number)).mkdir()
    finish(Sweep.join(tmp_path, tmp_path / "0", "train", 0, ["seed=0"]))
    Sweep.join(tmp_path, tmp_path / "1", "train", 1, ["seed=1"])  # and no more is heard of it
    failed = Sweep.join(tmp_path, tmp_path / "2", "train", 2, ["seed=2"])
    replace(failed, status=FAILED, reason="It said why.").write()
    Sweep.join(tmp_path, tmp_path / "3", "train", 3, ["seed=3"])
    (tmp_path / "3" / "result.json").write_text('{"comm')  # its disk was full
    sweep = Sweep.load(tmp_path)
    assert [result.status for result in sweep.results] == ["trained", KILLED, FAILED, KILLED, MISSING]
    assert [list(result.overrides) for result in sweep.lost] == [["seed=1"], ["seed=2"], ["seed=3"], ["seed=4"]]
    assert all(result.reason for result in sweep.lost)
    assert len(sweep.runs()) == len(sweep.table()) == 1


def test_jobs_that_were_not_announced_are_found(tmp_path: Path) -> None:
    """A sweeper such as Optuna's makes up its jobs as it goes."""
    Sweep.start(tmp_path, "train", None)
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
        finish(Sweep.join(tmp_path, tmp_path / str(number), "train", number, []), noise=number)
    assert len(Sweep.load(tmp_path).finished) == 2


def test_two_jobs_in_one_folder_are_refused_and_the_first_one_stays(tmp_path: Path) -> None:
    Sweep.start(tmp_path, "train", [["noise=0"], ["noise=1"]])
    (tmp_path / "same").mkdir()
    finish(Sweep.join(tmp_path, tmp_path / "same", "train", 0, ["noise=0"]))
    with pytest.raises(DynalignError, match=r"Job 1 has the folder of job 0.*hydra\.job\.num"):
        Sweep.join(tmp_path, tmp_path / "same", "train", 1, ["noise=1"])
    sweep = Sweep.load(tmp_path)
    assert [result.status for result in sweep.results] == ["trained", FAILED]
    assert "hydra.sweep.subdir" in sweep.lost[0].reason


def test_a_single_run_is_a_sweep_of_one(tmp_path: Path) -> None:
    finish(Result("train", folder=tmp_path), noise=0.25)
    sweep = Sweep.load(tmp_path)
    assert len(sweep.results) == 1
    assert list(sweep.runs()["run"]) == ["rnn noise=0.25"]


@pytest.mark.parametrize("content", [None, "", "[]", '{"sweep": ', '"text"', "{}"])
def test_a_folder_without_results_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "sweep.json").write_text(content)
        (tmp_path / "result.json").write_text(content)
    with pytest.raises(DynalignError, match=r"holds neither sweep\.json nor result\.json"):
        Sweep.load(tmp_path)


def test_a_result_of_a_newer_version_is_read(tmp_path: Path) -> None:
    finish(Result("train", folder=tmp_path))
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "good"}))
    assert read_result(tmp_path).key == "k"


def test_metrics_with_settings_stand_side_by_side(tmp_path: Path) -> None:
    Sweep.start(tmp_path, "train", [["a"], ["b"]])
    for number, rank in enumerate((10, 30)):
        (tmp_path / str(number)).mkdir()
        finish(Sweep.join(tmp_path, tmp_path / str(number), "train", number, []), value=rank, metric=DSA(rank=rank))
    sweep = Sweep.load(tmp_path)
    assert set(sweep.metrics) == {"DSA(rank=10)", "DSA(rank=30)"}
    runs = sweep.runs()
    assert len(runs) == 1  # one network, measured by two metrics
    assert runs["seconds"].item() == 4.0
    assert list(sweep.table()["metric"]) == ["DSA(rank=10)", "DSA(rank=30)"]


def test_any_factor_is_a_column_where_it_varies(tmp_path: Path) -> None:
    Sweep.start(tmp_path, "train", [["a"], ["b"]])
    for number, cohs in enumerate(([1, 23], [12, 3])):
        (tmp_path / str(number)).mkdir()
        job = Sweep.join(tmp_path, tmp_path / str(number), "train", number, [])
        finish(job, **{"task.cohs": cohs, "reference": "final"})
    sweep = Sweep.load(tmp_path)
    assert sweep.factors == ["task.cohs"]
    assert list(sweep.table()["task.cohs"]) == ["[1,23]", "[12,3]"]
    assert list(sweep.runs()["run"]) == ["rnn task.cohs=[1,23]", "rnn task.cohs=[12,3]"]


@pytest.mark.parametrize("value", [[1, 23], ["a"], [1, 2, 3], {"train": [1]}, [], None])
def test_a_factor_is_one_value_whatever_it_is(value: Any) -> None:
    table = labelled(pd.concat([numbers(1), numbers(2), numbers(3)])[[*NUMBERS]], "run", {"model": "rnn", "odd": value})
    assert table["odd"].astype(str).nunique() == 1
    assert len(table) == 3


def test_two_networks_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """A file of the config may change between two jobs, or two folders hold files of one name."""
    Sweep.start(tmp_path, "train", [["a"], ["b"]])
    for number, key in enumerate(("1" * 16, "2" * 16)):
        (tmp_path / str(number)).mkdir()
        job = finish(Sweep.join(tmp_path, tmp_path / str(number), "train", number, []), value=number)
        replace(job, key=key).write()
    sweep = Sweep.load(tmp_path)
    assert list(sweep.runs()["run"]) == ["rnn [11111111]", "rnn [22222222]"]
    assert set(sweep.table()["run"]) == {"rnn [11111111]", "rnn [22222222]"}


def test_a_job_whose_folder_was_used_again_is_not_called_killed(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "x"
    outer.mkdir()
    run_sweep(outer, ["x/0", "x/1"])
    run_sweep(inner, ["0"])
    first, second = Sweep.load(outer).results
    assert (first.status, second.status) == (MISSING, "trained")
    assert "used again by a later sweep" in first.reason


def test_one_number_stands_once(tmp_path: Path) -> None:
    """Two jobs that differ only in what is measured next to it measure one thing twice."""
    Sweep.start(tmp_path, "train", [["a"], ["b"]])
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
        finish(Sweep.join(tmp_path, tmp_path / str(number), "train", number, []))
    assert len(Sweep.load(tmp_path).table()) == 1


def test_the_sweep_of_a_job_is_the_nearest_above(tmp_path: Path) -> None:
    deep = tmp_path / "sweep" / "a" / "b"
    deep.mkdir(parents=True)
    stated = tmp_path / "stated"
    assert sweep_folder_of(deep, stated) == stated
    Sweep.start(tmp_path / "sweep", "train", None)
    assert sweep_folder_of(deep, stated) == tmp_path / "sweep"
    stated.mkdir()
    Sweep.start(stated, "train", None)
    assert sweep_folder_of(deep, stated) == stated


def test_results_of_before_there_were_floors_are_read(tmp_path: Path) -> None:
    result = finish(Result("train", folder=tmp_path))
    write_table(numbers(0.5).drop(columns="floor"), tmp_path, "dissimilarities")
    table = Sweep.load(result.folder).table()
    assert table["dissimilarity"].tolist() == [0.5]
    assert table["floor"].isna().all()


def test_what_became_of_a_job_that_could_not_say_so(tmp_path: Path) -> None:
    Sweep.start(tmp_path, "train", [["seed=0"], ["seed=1"], ["seed=2"]])
    finish(Sweep.join(tmp_path, tmp_path / "0", "train", 0, ["seed=0"]))
    Sweep.join(tmp_path, tmp_path / "1", "train", 1, ["seed=1"])
    lost = [Sweep.lose(tmp_path, "train", number, [f"seed={number}"], "Its node is gone.") for number in range(3)]
    assert lost == [False, True, True]  # what the first one said itself stands
    results = Sweep.load(tmp_path).results
    assert [result.status for result in results] == ["trained", KILLED, MISSING]
    assert [result.reason for result in results] == ["", *["Its node is gone."] * 2]


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_a_job_whose_table_is_damaged_has_failed_alone(tmp_path: Path, content: bytes | None) -> None:
    run_sweep(tmp_path, ["0", "1"])
    table = tmp_path / "0" / "dissimilarities.parquet"
    table.unlink() if content is None else table.write_bytes(content)
    first, second = Sweep.load(tmp_path).results
    assert (first.status, second.succeeded) == (FAILED, True)
    assert "dissimilarities.parquet cannot be read" in first.reason


@pytest.mark.parametrize("name", ["../1/dissimilarities.parquet", "/etc/passwd", ".."])
def test_a_table_lies_in_the_folder_of_its_job(tmp_path: Path, name: str) -> None:
    run_sweep(tmp_path, ["0", "1"])
    result = read_result(tmp_path / "0")
    assert result is not None
    replace(result, table=name).write()
    assert "which lies elsewhere" in Sweep.load(tmp_path).results[0].reason


@pytest.mark.parametrize("wrong", [{"seconds": "1"}, {"factors": []}, {"overrides": "x"}, {"status": None}])
def test_a_result_of_wrong_kinds_is_none(tmp_path: Path, wrong: dict[str, Any]) -> None:
    run_sweep(tmp_path, ["0"])
    path = tmp_path / "0" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    assert read_result(tmp_path / "0") is None


def test_no_key_of_the_user_is_in_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    Result("train", config="entity: 0123456789abcdef", overrides=["x=0123456789abcdef"], folder=tmp_path).write()
    assert "0123456789abcdef" not in (tmp_path / "result.json").read_text()


def test_a_run_is_called_by_what_sets_it_apart_from_others() -> None:
    factors = {"model": "gru", "noise": 0.1, "trainer.epochs": 2}
    result = Result("train", factors=factors, told=["model", "noise", "trainer.epochs"])
    jobs = [["model=gru", f"noise={noise}", "++trainer.epochs=2"] for noise in (0.1, 0.2)]
    assert result.name_beside([]) == result.name_beside(jobs[:1]) == "gru noise=0.1 trainer.epochs=2"
    assert result.name_beside(jobs) == "gru noise=0.1"
    assert result.name_beside([jobs[0], jobs[0]]) == "gru"
