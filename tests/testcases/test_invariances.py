"""Invariances: changes that are what they say, and shares of the distance between different systems."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from tests.testcases.tables import TINY, by_hand, chance, table

from dynalign.attractors import middle
from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Metric, Procrustes
from dynalign.testcases import Invariances, LostError, as_rows, measure_material
from dynalign.testcases.invariances import DIFFERENT, bent
from dynalign.testcases.simulation import spread

CASE = Invariances()
THREE = replace(TINY, families=("lorenz_chaos", "rossler", "hopf_cycle"))
SYSTEMS, COMPARISONS = CASE.material(THREE, 0)
NAMES = [criterion.name for criterion in CASE.criteria]
LABELS = [middle(family).label for family in THREE.families]
every_system = pytest.mark.parametrize("label", LABELS)


def test_every_change_of_every_system_and_all_pairs_of_systems() -> None:
    parts = {(c.part, c.first, c.second) for c in COMPARISONS}
    changed = {(name, label, f"{label}, {name}") for name in NAMES for label in LABELS}
    assert parts == changed | {(DIFFERENT, a, b) for i, a in enumerate(LABELS) for b in LABELS[i + 1 :]}
    assert len(COMPARISONS) == len(parts)
    assert all(c.different == (c.part == DIFFERENT) == (c.a != c.b) for c in COMPARISONS)
    assert len(SYSTEMS) == 3 * (1 + len(NAMES))
    for family, label in zip(THREE.families, LABELS, strict=True):
        np.testing.assert_allclose(SYSTEMS[label], THREE.record(middle(family), 0), atol=1e-5)


@every_system
@pytest.mark.parametrize(("name", "sign"), [("rotation", 1), ("reflection", -1)])
def test_units_are_rotated(label: str, name: str, sign: int) -> None:
    before, after = (SYSTEMS[key].reshape(4 * 32, -1) for key in (label, f"{label}, {name}"))
    matrix, *_ = np.linalg.lstsq(before, after, rcond=None)
    np.testing.assert_allclose(before @ matrix, after, atol=1e-9 * np.abs(before).max())
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-9)
    assert np.linalg.det(matrix) == pytest.approx(sign)
    assert np.abs(matrix - np.diag(np.diag(matrix))).max() > 0.01


@every_system
def test_changes_of_size_place_and_number_of_units(label: str) -> None:
    states = SYSTEMS[label]
    scale, moved, constant, double, lift, trials = (
        SYSTEMS[f"{label}, {name}"] for name in ("scale", "translation", "constant", "duplicate", "lift", "trials")
    )
    units = states.shape[-1]
    np.testing.assert_array_equal(scale, 3 * states)
    shift = (moved - states).reshape(-1, units)
    np.testing.assert_allclose(shift, np.repeat(shift[:1], len(shift), axis=0), atol=1e-9 * np.abs(moved).max())
    assert np.abs(shift[0]).max() > spread(states)
    np.testing.assert_array_equal(constant[..., :-1], states)
    assert constant.shape[-1] == units + 1
    assert np.ptp(constant[..., -1]) == 0
    np.testing.assert_array_equal(double, np.concatenate([states, states[..., :1]], axis=-1))
    assert lift.shape[-1] == 3 * units
    rows = states.reshape(-1, units)
    np.testing.assert_allclose(pdist(lift.reshape(-1, 3 * units)), pdist(rows), atol=1e-9 * np.abs(rows).max())
    np.testing.assert_array_equal(trials, states[:2])


@every_system
@pytest.mark.parametrize(("share", "steps"), [(0.1, 3), (0.5, 16), (0.001, 1)])
def test_shifted_recordings_overlap(label: str, share: float, steps: int) -> None:
    systems = replace(CASE, shift=share).material(THREE, 0).systems
    early, late = systems[label], systems[f"{label}, shift"]
    assert early.shape == late.shape
    np.testing.assert_array_equal(late[:, :-steps], early[:, steps:])
    assert np.abs(late[:, :-1] - early[:, 1:]).max() == 0 if steps == 1 else np.abs(late - early).max() > 0


@every_system
@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_a_bend_can_be_undone_unit_by_unit(label: str, strength: float) -> None:
    states = SYSTEMS[label]
    undone = bent(states, strength).copy()
    assert np.linalg.matrix_rank(np.concatenate([undone, states], axis=-1).reshape(128, -1)) > states.shape[-1] + 1
    for unit in range(1, states.shape[-1]):
        undone[..., unit] -= strength * undone[..., unit - 1] ** 2
    expected = (states - states.mean((0, 1))) / spread(states)
    np.testing.assert_allclose(undone, expected, atol=1e-9 * (1 + np.abs(bent(states, strength)).max()))
    systems = replace(CASE, bend=strength).material(THREE, 0).systems
    np.testing.assert_array_equal(systems[f"{label}, bend"], bent(states, strength))


@pytest.mark.parametrize("states", [np.ones((2, 3, 1)) * np.arange(3)[None, :, None], THREE.record(middle("ring"), 0)])
def test_bending_leaves_what_it_was_given(states: np.ndarray) -> None:
    before = states.copy()
    found = bent(states, 0.5)
    np.testing.assert_array_equal(states, before)
    np.testing.assert_allclose(found[..., 0], (states[..., 0] - states[..., 0].mean()) / spread(states))


def test_shares_by_hand() -> None:
    rows = by_hand(
        ("rotation", 0.0, False, "a", "a", 1.0),
        ("rotation", 0.0, False, "b", "b", 2.0),
        ("scale", 0.0, False, "a", "a", 6.0),
        ("lift", 0.0, False, "a", "a", 0.0),
        (DIFFERENT, 0.0, True, "a", "b", 4.0),
        (DIFFERENT, 0.0, True, "a", "c", 8.0),
    )
    assert CASE.judge("rotation", rows).value == pytest.approx(0.25)
    assert CASE.judge("scale", rows).value == pytest.approx(1)
    assert CASE.judge("lift", rows).value == 0


def test_a_metric_that_knows_is_invariant_and_random_numbers_are_not() -> None:
    known, random = table(COMPARISONS, lambda c: float(c.different)), chance(COMPARISONS, seeds=20)
    for name in NAMES:
        found = CASE.judge(name, known)
        assert found.value == found.low == found.high == 0
        assert CASE.judge(name, random).value == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    ("metric", "invariant", "lost"),
    [
        (CKA(), {"rotation", "reflection", "scale", "translation", "constant", "lift"}, {"trials"}),
        (
            Procrustes(distance="size-and-shape"),
            {"rotation", "reflection", "translation", "constant", "lift"},
            {"trials"},
        ),
        (DSA(n_delays=2, rank=2), {"rotation", "reflection", "scale", "translation", "constant", "lift"}, set()),
    ],
    ids=lambda value: value.name if isinstance(value, Metric) else "",
)
def test_metrics_have_the_invariances_of_their_formulas(metric: Metric, invariant: set[str], lost: set[str]) -> None:
    rows = as_rows(measure_material(metric, CASE.material(THREE, 0)), metric=metric.name, case=CASE.name, seed=0)
    for name in NAMES:
        if name in lost:
            with pytest.raises(LostError, match="needs the same trials and time steps in both"):
                CASE.judge(name, rows)
        else:
            assert (CASE.judge(name, rows).value < 1e-5) == (name in invariant), name


def test_a_missing_number_loses_what_needs_it() -> None:
    rows = table(COMPARISONS, lambda c: np.nan if c.part == "lift" else 1.0)
    assert CASE.judge("scale", rows).value == 1
    with pytest.raises(LostError, match=r"^too loud$"):
        CASE.judge("lift", rows)
    rows = table(COMPARISONS, lambda c: np.nan if c.different else 1.0)
    for name in NAMES:
        with pytest.raises(LostError, match=r"^too loud$"):
            CASE.judge(name, rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(({"bend": bend}, f"bend={bend:g} must be a number above 0") for bend in (0.0, -1.0, np.nan, np.inf)),
        *(({"shift": shift}, f"shift={shift:g} must lie between 0 and 1") for shift in (0.0, 1.0, -0.1, np.nan)),
    ],
)
def test_bad_invariances(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        Invariances(**arguments)
