"""dry_run=true says what there is to train and measure, what is known, and what it costs; and does nothing of it."""

from __future__ import annotations

import io
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.cli.composed import test_job as a_test_job
from tests.cli.composed import train_job

from dynalign.cli import CONF, pairs_job, study_job, testcase_job
from dynalign.cli import train_job as train_command
from dynalign.cli.check import Typed, check_command_line
from dynalign.errors import DynalignError
from dynalign.report import size
from dynalign.store import RunStore, write_result
from dynalign.studies import Trained, compare_trained, measure_over_learning
from dynalign.testcases import measure_material
from dynalign.training import obtain

COMMANDS = {each.COMMAND.name: each.COMMAND for each in (pairs_job, study_job, testcase_job, train_command)}
FEW = ("curriculum=untrained", "metric=[cka,procrustes]")


def told(monkeypatch: pytest.MonkeyPatch, place: Path, *typed: str, command: str = "train", code: int = 0) -> str:
    monkeypatch.chdir(place)
    console = Console(file=io.StringIO(), width=200)
    before = sorted(place.rglob("*"))
    tell = COMMANDS[command].tell
    assert tell is not None
    assert tell(check_command_line([*typed, "dry_run=true"], CONF, command), console) == code
    assert sorted(place.rglob("*")) == before
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has two untrained networks, measured and compared by CKA, and a third that was begun."""
    place = tmp_path_factory.mktemp("place")
    store, networks = RunStore(place / "store"), []
    for seed in (0, 1):
        job = train_job(store.root, *FEW, "metric=cka", f"seed={seed}")
        run, _ = obtain(job.spec, store)
        see = job.representation
        measure_over_learning(run, job.metrics, reference="initial", representation=see, store=store)
        networks.append(Trained(str(seed), run, see, job.metrics, job.classes))
    compare_trained(networks, store)
    (store.root / f"{train_job(store.root, *FEW, 'seed=2').spec.key}.partial").mkdir()
    for lock in store.root.glob("*.lock"):
        lock.unlink()
    return place


def test_where_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = told(monkeypatch, tmp_path, "-m", "curriculum=master,full", "metric=cka")
    assert "jobs      2: 2 networks, and 1 run of phases before their last" in said
    assert "0 in the store, 0 begun, 3 to be trained" in said
    assert "CKA: 3 (each with itself included), 0 known" in said
    assert "3 runs: unknown: no run like it yet" in said
    assert "CKA: 3 numbers: unknown" in said
    assert re.search(r"time +unknown\ndisk +unknown\n", said)


def test_what_the_store_knows(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    said = told(monkeypatch, place, "-m", *FEW, "seed=0,1,2", "store=store")
    assert "jobs      3: 3 networks\n" in said
    assert "2 in the store, 1 begun, 0 to be trained" in said
    assert "CKA, of checkpoints of stored runs: 2 known, 0 missing" in said
    assert "Procrustes, of checkpoints of stored runs: 0 known, 2 missing" in said
    assert "CKA: 6 (each with itself included), 3 known" in said
    assert "Procrustes: 6 (each with itself included), 0 known" in said
    assert re.search(r"1 run: about [\d.]+ m?s, by runs in the store that differ by seed alone", said)
    assert re.search(r"CKA: 3 numbers: about [\d.]+ m?s, at [\d.]+ m?s each in this store", said)
    assert "Procrustes: 2 numbers: unknown" in said  # of learning
    assert "Procrustes: 6 numbers: unknown" in said  # pairs
    assert re.search(r"time +at least [\d.]+ m?s of one processor", said)
    assert re.search(r"disk +at least [\d.]+ kB", said)


def test_a_single_run_has_no_pairs(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    said = told(monkeypatch, place, *FEW, "metric=cka", "store=store")
    assert "1 in the store, 0 begun, 0 to be trained" in said
    assert "pairs" not in said
    assert re.search(r"time +0 s of one processor\ndisk +0 B", said)


def test_what_would_fail_is_told_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    said = told(
        monkeypatch, place, "-m", "model=rnn,mamba", "noise=0.1", "perturbation=recurrent", "metric=cka", code=1
    )
    assert "jobs      1: 1 network" in said
    assert re.search(r"would fail model=mamba .*noise=0.1.*: Recurrent noise has no meaning for Mamba", said)


@pytest.mark.parametrize("typed", ["dry_run=maybe", "dry_run=1"])
def test_it_is_true_or_false(typed: str) -> None:
    with pytest.raises(DynalignError, match=r"dry_run=\w+ must be true or false"):
        check_command_line([typed], CONF, "train")


def test_a_slip_is_refused_as_ever() -> None:
    with pytest.raises(DynalignError, match="did you mean rnn"):
        check_command_line(["model=rn", "dry_run=true"], CONF, "train")


def test_other_commands_know_no_dry_run() -> None:
    with pytest.raises(DynalignError, match="no setting dry_run"):
        check_command_line(["dry_run=true"], CONF, "dashboard")


def test_a_search_cannot_be_told() -> None:
    tell = COMMANDS["testcase"].tell
    assert tell is not None
    with pytest.raises(DynalignError, match=r"what a search will ask for; leave out hydra/sweeper, or search\."):
        tell(Typed([], None, dry=True), Console(file=io.StringIO()))


def test_cells_of_test_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tiny = ("testcase=families", "simulation.trials=4", "simulation.time_steps=20", "simulation.families=[ring,line]")
    asked = ("metric=cka,procrustes", "seed=0,1", *tiny, "store=store")
    said = told(monkeypatch, tmp_path, "-m", *asked, command="testcase")
    assert "jobs      4: 2 metrics on 1 test case, 2 seeds\n" in said
    assert "cells     CKA: 2, 0 in the store\n" in said
    assert "measuring 4 cells of 2 metrics: unknown: no other seed was measured yet\n" in said
    assert said.endswith("time      unknown\ndisk      unknown\n")
    job = a_test_job(tmp_path / "store", "metric=cka", *tiny)
    measured = measure_material(job.metrics["CKA"], job.cases["families"].material(job.simulation, job.seed))
    write_result(job.measurement("CKA", "families"), asdict(replace(measured, seconds=3.0)))
    said = told(monkeypatch, tmp_path, "-m", *asked, command="testcase")
    assert f"cells     CKA: 2, 1 in the store ({measured.pairs} pairs)\n" in said
    assert "cells     Procrustes: 2, 0 in the store\n" in said
    assert "measuring CKA: 1 cell: about 3.0 s, by what other seeds took\n" in said
    assert "measuring 2 cells of 1 metric: unknown: no other seed was measured yet\n" in said
    assert "time      at least 3.0 s of one processor\n" in said


def test_networks_of_a_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = ("study=[after_learning]", "models=[rnn]", "groups=[untrained,full]", "seeds=2", "scale.pool=2")
    said = told(monkeypatch, tmp_path, *asked, command="study")
    assert "jobs      1: after_learning; protocol corrected\n" in said
    assert "networks  6 in 8 trainings, 0 of them in the store\n" in said
    assert re.search(r"training  8 trainings of up to [\d,]+ batches: unknown: nothing like it has been trained", said)
    assert "cells     27 on test cases, 0 in the store\n" in said
    assert "pairs     follow from how the networks learn" in said
    assert said.endswith("time      unknown\ndisk      unknown\n")


def test_pairs_of_a_sweep(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    said = told(monkeypatch, place, "sweep=nowhere", command="pairs", code=1)
    assert "would fail sweep=nowhere: nowhere holds neither sweep.json nor result.json" in said.replace(f"{place}/", "")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456, "123 kB"), (2.5e9, "2.5 GB")]
)
def test_sizes_are_written_as_a_person_would(number: float, text: str) -> None:
    assert size(number) == text
