"""How far a network moves: which checkpoints are compared with which, and that the store remembers numbers alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.runs import run_of

from dynalign.errors import DamagedError, DamagedWarning
from dynalign.metrics import CKA, DSA, Distance, Procrustes
from dynalign.metrics.halves import floor_distances
from dynalign.representations import Representation
from dynalign.results import NUMBERS
from dynalign.store import Run, RunStore
from dynalign.studies import checkpoints, measure_over_learning
from dynalign.studies.checkpoints import learning_pairs

SEE = Representation(trials=20, rule="basic")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def run(store: RunStore) -> Run:
    return run_of(store)


def measured(run: Run, store: RunStore, **settings: object) -> pd.DataFrame:
    arguments = {"metrics": [CKA()], "reference": "initial", "representation": SEE} | settings
    return measure_over_learning(run, arguments.pop("metrics"), store=store, **arguments)


def by_epoch(table: pd.DataFrame) -> list[float]:
    return table.sort_values("epoch")["dissimilarity"].tolist()


def test_checkpoints_are_counted_within_their_phase() -> None:
    def run(phases: dict[str, list[int]]) -> Run:
        rows = [(epoch, phase) for phase, epochs in phases.items() for epoch in epochs]
        return Run("k", Path(), {}, pd.DataFrame(rows, columns=["epoch", "phase"]), 0.0)

    one = run({"train": [0, 1, 2, 3, 4, 5]})
    assert checkpoints(one) == [0, 1, 2, 3, 4, 5]
    assert checkpoints(one, 2) == [0, 2, 4, 5]
    assert checkpoints(one, 10) == [0, 5]
    two = run({"pretrain": [0, 1, 2, 3], "train": [4, 5, 6]})
    assert checkpoints(two, 2) == [0, 2, 3, 5, 6]
    assert checkpoints(two, 10) == [0, 3, 6]


def test_pairs_by_reference() -> None:
    assert learning_pairs([0, 2, 4], "initial") == [(0, 0), (2, 0), (4, 0)]
    assert learning_pairs([0, 2, 4], "previous") == [(2, 0), (4, 2)]
    assert learning_pairs([0, 2, 4], "final") == [(0, 4), (2, 4), (4, 4)]


def test_numbers_are_those_of_the_metric(run: Run, store: RunStore) -> None:
    table = measured(run, store, metrics=[CKA(), Procrustes()])
    assert list(table.columns) == list(NUMBERS)
    assert len(table) == 2 * 4
    states = {epoch: SEE.of(run, epoch) for epoch in run.epochs}
    expected = [CKA()(states[epoch], states[0]) for epoch in run.epochs]
    np.testing.assert_allclose(by_epoch(table[table["metric"] == "CKA"]), expected, rtol=1e-6, atol=1e-9)
    assert table["accuracy"].tolist() == np.repeat(run.history["accuracy"], 2).tolist()


@dataclass(frozen=True)
class Crowded(CKA):
    """Says how many pairs it was given at once."""

    def distances(self, pairs):
        return np.full(len(pairs), float(len(pairs)))


def test_no_number_depends_on_what_else_is_missing(run: Run, tmp_path: Path) -> None:
    assert by_epoch(measured(run, RunStore(tmp_path), metrics=[Crowded()])) == [1.0] * 4


def test_references(run: Run, store: RunStore) -> None:
    final = measured(run, store, reference="final")
    assert by_epoch(final)[-1] == pytest.approx(0, abs=1e-6)
    assert by_epoch(final)[0] == pytest.approx(by_epoch(measured(run, store))[-1], rel=1e-6)
    assert measured(run, store, reference="previous")["epoch"].tolist() == [1, 2, 3]
    other = run_of(store, seed=1)
    against = measured(run, store, reference=other)
    assert set(against["reference"]) == {other.key}
    assert by_epoch(against)[-1] == pytest.approx(CKA()(SEE.of(run, 3), SEE.of(other, 3)), rel=1e-6)


def test_what_was_measured_is_found(run: Run, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measured(run, store)
    monkeypatch.setattr(CKA, "prepare", lambda *_, **__: pytest.fail("measured again"))
    pd.testing.assert_frame_equal(measured(run, store), first)
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        measured(run, store, metrics=[CKA(kernel="rbf")])
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        measured(run, store, representation=Representation(trials=30, rule="basic"))


def test_a_failure_is_told_and_forgotten(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may run out once; the next time there is a number."""
    store = RunStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(CKA, "distances", lambda *_: (_ for _ in ()).throw(RuntimeError("CUDA out of memory")))
        failed = measured(run, store)
    assert failed["dissimilarity"].isna().all()
    assert failed["reason"].str.contains("CUDA out of memory").all()
    assert measured(run, store)["dissimilarity"].notna().all()


def test_what_was_measured_while_training_is_kept(run: Run, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    known = {"CKA": {1: Distance(0.125, 0.0, ""), 2: Distance(float("nan"), 0.0, "diverged")}}
    first = measured(run, store, known=known)
    assert by_epoch(first)[1] == 0.125
    assert np.isnan(by_epoch(first)[2])
    again = measured(run, store)
    assert by_epoch(again)[1] == 0.125
    assert np.isfinite(by_epoch(again)[2])  # only numbers are kept


def test_a_damaged_checkpoint_is_no_property_of_a_pair(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy / run.key)
    (copy / run.key / "weights" / "epoch-0002.pt").write_bytes(b"half")
    store = RunStore(copy)
    with (
        pytest.warns(DamagedWarning, match="epoch-0002.pt has 4 bytes"),
        pytest.raises(DamagedError, match="is damaged"),
    ):
        measured(store.open(run.key), store)


SPLIT = DSA(n_delays=2, rank=3)


def test_floors_are_those_of_halves_and_found_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path)
    table = measured(run, store, metrics=[SPLIT, CKA()], floor_splits=2)
    floors = {epoch: floor_distances(SPLIT, SEE.of(run, epoch), splits=2).mean() for epoch in run.epochs}
    mine = table[table["metric"] == SPLIT.label]
    np.testing.assert_allclose(mine["floor"], [(floors[epoch] + floors[0]) / 2 for epoch in run.epochs], atol=1e-9)
    assert table.loc[table["metric"] == "CKA", "floor"].isna().all()
    assert table["floor"].dtype == float
    monkeypatch.setattr(DSA, "prepare", lambda *_, **__: pytest.fail("measured again"))
    pd.testing.assert_frame_equal(measured(run, store, metrics=[SPLIT, CKA()], floor_splits=2), table)
    assert measured(run, store, metrics=[SPLIT])["floor"].isna().all()


def test_floors_that_were_measured_while_training_are_kept(run: Run, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    known = {SPLIT.label: {epoch: Distance(0.1 * epoch, 0.0) for epoch in run.epochs} | {-1: Distance(9.0, 0.0)}}
    table = measured(run, store, metrics=[SPLIT], floor_splits=2, known_floors=known)
    assert table["floor"].tolist() == pytest.approx([0, 0.05, 0.1, 0.15])
    again = measured(run, store, metrics=[SPLIT], floor_splits=2)
    assert again["floor"].tolist() == table["floor"].tolist()
