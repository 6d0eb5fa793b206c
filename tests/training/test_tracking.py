"""What is compared with what, over learning."""

from __future__ import annotations

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Driven, InputDSA, Procrustes, SoftMatching
from dynalign.metrics.halves import floor_distances
from dynalign.training import FLOOR_SPLITS, DissimilarityTracker, DissimilarityWarning

RNG = np.random.default_rng(0)
CHECKPOINTS = [RNG.normal(size=(5, 30, 4)) for _ in range(4)]


def values(tracker: DissimilarityTracker) -> dict[int, float]:
    for epoch, states in enumerate(CHECKPOINTS):
        tracker.add(epoch, states)
    return {record.epoch: record.dissimilarity for record in tracker.finish()}


def distance(i: int, j: int) -> float:
    return CKA()(CHECKPOINTS[i], CHECKPOINTS[j])


def test_references() -> None:
    pairs = {
        "initial": {0: (0, 0), 1: (1, 0), 2: (2, 0), 3: (3, 0)},
        "previous": {1: (1, 0), 2: (2, 1), 3: (3, 2)},
        "final": {0: (0, 3), 1: (1, 3), 2: (2, 3), 3: (3, 3)},
    }
    for reference, expected in pairs.items():
        found = values(DissimilarityTracker([CKA()], reference=reference))
        assert found == pytest.approx({epoch: distance(*pair) for epoch, pair in expected.items()}, abs=1e-9)


def test_reference_from_elsewhere() -> None:
    found = values(DissimilarityTracker([CKA()], reference=CHECKPOINTS[2]))
    assert found == pytest.approx({epoch: distance(epoch, 2) for epoch in range(4)}, abs=1e-9)


def test_common_basis_reduces_each_pair_together() -> None:
    found = values(DissimilarityTracker([Procrustes()], components=2, basis="common"))
    own = values(DissimilarityTracker([Procrustes()], components=2))
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert found[1] != pytest.approx(own[1], abs=1e-3)


@pytest.mark.parametrize("reference", ["initial", "previous", "final"])
def test_a_resumed_tracker_goes_on(reference: str) -> None:
    whole = values(DissimilarityTracker([CKA()], reference=reference))
    first, second = (DissimilarityTracker([CKA()], reference=reference) for _ in range(2))
    for epoch in (0, 1):
        first.add(epoch, CHECKPOINTS[epoch])
    second.load_state_dict(first.state_dict())
    for epoch in (2, 3):
        second.add(epoch, CHECKPOINTS[epoch])
    assert {record.epoch: record.dissimilarity for record in second.finish()} == pytest.approx(whole)


def test_first_checkpoint_fails_loudly_later_ones_are_noted() -> None:
    with pytest.raises(DynalignError, match="too few for n_delays=40"):
        DissimilarityTracker([DSA(n_delays=40)]).add(0, CHECKPOINTS[0])
    tracker = DissimilarityTracker([CKA(), Procrustes()])
    tracker.add(0, CHECKPOINTS[0])
    with pytest.warns(DissimilarityWarning, match=r"No (CKA|Procrustes) at epoch 1: the checkpoint is constant"):
        found = tracker.add(1, np.ones((5, 30, 4)))
    assert np.isnan(found["CKA"])
    assert "constant" in tracker.records[-1].reason
    assert tracker.add(2, CHECKPOINTS[2])["CKA"] == pytest.approx(distance(2, 0))


@pytest.mark.parametrize(
    ("metrics", "reference", "message"),
    [
        ([CKA()], "fnal", "reference=fnal is unknown"),
        ([], "initial", "at least one"),
        ([CKA(), CKA()], "initial", "once"),
    ],
)
def test_bad_settings(metrics: list, reference: str, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        DissimilarityTracker(metrics, reference=reference)


def test_single_units_are_not_compared_as_principal_components() -> None:
    with pytest.raises(DynalignError, match=r"components=20 turns units into .* Soft.* looks at single units"):
        DissimilarityTracker([SoftMatching()])
    found = values(DissimilarityTracker([SoftMatching()], components=None))
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert found[1] > 0.1


@pytest.mark.parametrize(("reference", "systems"), [("initial", 4), ("previous", 4), ("final", 4), ("elsewhere", 5)])
def test_no_system_is_prepared_twice(reference: str, systems: int, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, seen = CKA.prepare, []
    monkeypatch.setattr(
        CKA, "prepare", lambda self, x, *, where="x": seen.append(where) or prepare(self, x, where=where)
    )
    elsewhere = np.random.default_rng(1).normal(size=(5, 30, 4))
    values(DissimilarityTracker([CKA()], reference=elsewhere if reference == "elsewhere" else reference))
    assert len(seen) == systems


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_has_a_reason(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CKA, "distances", lambda self, pairs: np.full(len(pairs), value))
    tracker = DissimilarityTracker([CKA()])
    with pytest.warns(DissimilarityWarning, match="returned"):
        tracker.add(0, CHECKPOINTS[0], step=7)
    (record,) = tracker.records
    assert np.isnan(record.dissimilarity)
    assert "returned" in record.reason
    assert record.step == 7


def test_a_tracker_begins_anew() -> None:
    tracker = DissimilarityTracker([CKA()], reference="initial")
    first = values(tracker)
    tracker.begin()
    assert values(tracker) == first


CONTROL = np.random.default_rng(1).normal(size=(5, 30, 2))
INPUT_DSA = InputDSA(rank=3)


def driven(i: int, j: int, control: np.ndarray = CONTROL) -> float:
    return INPUT_DSA(Driven(CHECKPOINTS[i], CONTROL), Driven(CHECKPOINTS[j], control))


@pytest.mark.parametrize("reference", ["initial", "final"])
@pytest.mark.parametrize("basis", ["own", "common"])
def test_metrics_that_need_inputs_are_given_them(reference: str, basis: str) -> None:
    tracker = DissimilarityTracker(
        [INPUT_DSA, CKA()], reference=reference, control=CONTROL, components=None, basis=basis
    )
    for epoch, states in enumerate(CHECKPOINTS):
        tracker.add(epoch, states)
    found = {record.epoch: record.dissimilarity for record in tracker.finish() if record.metric == INPUT_DSA.label}
    other = 0 if reference == "initial" else 3
    assert found == pytest.approx({epoch: driven(epoch, other) for epoch in range(4)}, abs=1e-9)


def test_a_resumed_tracker_knows_its_inputs() -> None:
    first, second = (DissimilarityTracker([INPUT_DSA], control=CONTROL, components=None) for _ in range(2))
    first.add(0, CHECKPOINTS[0])
    second.load_state_dict(first.state_dict())
    assert second.add(1, CHECKPOINTS[1])[INPUT_DSA.label] == pytest.approx(driven(1, 0), abs=1e-9)


def test_a_reference_from_elsewhere_has_inputs_of_its_own() -> None:
    other = CONTROL[::-1]
    tracker = DissimilarityTracker(
        [INPUT_DSA], reference=Driven(CHECKPOINTS[2], other), control=CONTROL, components=None
    )
    assert values(tracker)[1] == pytest.approx(driven(1, 2, other), abs=1e-9)
    with pytest.raises(DynalignError, match="the reference is given without inputs"):
        values(DissimilarityTracker([INPUT_DSA], reference=CHECKPOINTS[2], control=CONTROL))


def test_inputs_that_there_are_not_are_refused_at_once() -> None:
    with pytest.raises(DynalignError, match=r"InputDSA\(rank=3\) needs what drove the states; give control="):
        DissimilarityTracker([INPUT_DSA])
    with pytest.raises(DynalignError, match="each state needs the input that led to it"):
        values(DissimilarityTracker([INPUT_DSA], control=CONTROL[:, 1:]))


SPLIT = DSA(n_delays=2, rank=3, estimator="havok")


def halves(place: int, splits: int) -> float:
    return float(floor_distances(SPLIT, CHECKPOINTS[place], splits=splits).mean())


@pytest.mark.parametrize(
    ("reference", "pairs"),
    [
        ("initial", {0: (0, 0), 1: (1, 0), 2: (2, 0), 3: (3, 0)}),
        ("previous", {1: (1, 0), 2: (2, 1), 3: (3, 2)}),
        ("final", {0: (0, 3), 1: (1, 3), 2: (2, 3), 3: (3, 3)}),
    ],
)
def test_a_floor_is_how_far_both_are_from_themselves(reference: str, pairs: dict) -> None:
    tracker = DissimilarityTracker([SPLIT, CKA()], reference=reference, components=None, floor_splits=3)
    values(tracker)
    found = {record.epoch: record.floor for record in tracker.records if record.metric == SPLIT.label}
    expected = {epoch: (halves(i, 3) + halves(j, 3)) / 2 for epoch, (i, j) in pairs.items()}
    assert found == pytest.approx(expected, abs=1e-12)
    assert all(record.floor is None for record in tracker.records if record.metric == "CKA")


def test_a_reference_from_elsewhere_has_a_floor() -> None:
    tracker = DissimilarityTracker([SPLIT], reference=CHECKPOINTS[2], components=None)
    values(tracker)
    assert tracker.records[0].floor == pytest.approx((halves(0, FLOOR_SPLITS) + halves(2, FLOOR_SPLITS)) / 2, abs=1e-12)


def test_floors_in_a_common_basis_are_of_a_system_alone() -> None:
    common = DissimilarityTracker([SPLIT], components=2, basis="common")
    own = DissimilarityTracker([SPLIT], components=2)
    values(common), values(own)
    assert [record.floor for record in common.records] == pytest.approx([record.floor for record in own.records])


def test_no_floor_is_measured_twice_and_none_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(
        "dynalign.representations.floor_distances",
        lambda metric, x, *, splits, where: calls.append(splits) or np.array([0.25]),
    )
    first = DissimilarityTracker([SPLIT], components=None)
    for epoch in (0, 1):
        first.add(epoch, CHECKPOINTS[epoch])
    second = DissimilarityTracker([SPLIT], components=None)
    second.load_state_dict(first.state_dict())
    second.add(2, CHECKPOINTS[2])
    assert [record.floor for record in second.records] == [0.25] * 3
    assert len(calls) == 3
    without = DissimilarityTracker([SPLIT], components=None, floor_splits=0)
    values(without)
    assert {record.floor for record in without.records} == {None}
    assert len(calls) == 3
    with pytest.raises(DynalignError, match="floor_splits=-1 must be"):
        DissimilarityTracker([SPLIT], floor_splits=-1)


def test_a_training_of_an_earlier_version_goes_on() -> None:
    old = DissimilarityTracker([SPLIT], components=None, floor_splits=0)
    old.add(0, CHECKPOINTS[0])
    state = old.state_dict()
    del state["floors"]
    for record in state["records"]:
        del record["floor"]
    tracker = DissimilarityTracker([SPLIT], components=None)
    tracker.load_state_dict(state)
    tracker.add(1, CHECKPOINTS[1])
    assert tracker.records[0].floor is None
    assert tracker.records[1].floor > 0


def test_a_floor_that_there_is_not_is_told_once_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(metric: object, x: object, **_: object) -> None:
        raise DynalignError("One half of the states has too few trials.")

    monkeypatch.setattr("dynalign.representations.floor_distances", refuse)
    tracker = DissimilarityTracker([SPLIT], components=None)
    with pytest.warns(DissimilarityWarning, match=r"No floor of DSA\(.*One half of the states") as told:
        values(tracker)
    assert len(told) == 1
    assert all(record.floor is None and np.isfinite(record.dissimilarity) for record in tracker.records)
    monkeypatch.undo()
    one = DissimilarityTracker([DSA(n_delays=2, rank=2, estimator="havok")], components=None)
    one.add(0, CHECKPOINTS[0][:1])  # a single trial has no halves, of which there is nothing to say
    assert one.records[0].floor is None
