"""Recordings of known dynamics beside each other: the answer, and everything that makes it believable."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from examples.recordings import decays, record, rotation

import dynalign
from dynalign.comparison import Comparison, Effort
from dynalign.comparison.correspondence import correspondence_of_rows, correspondence_of_systems
from dynalign.comparison.keeping import Measurer
from dynalign.data import Recording
from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, InputDSA, Procrustes

QUICK = Effort(bootstrap=20, splits=12, permutations=50)


def monkeys() -> list[Recording]:
    same, other = rotation(period=0.5, decay=0.7), decays(slow=0.7, fast=0.1)
    made = {"A": (same, 20, (50, 50), 1), "B": (same, 15, (40, 60), 2), "C": (other, 20, (50, 50), 3)}
    return [
        Recording(name, *record(matrix, trials=40, neurons=neurons, steps=steps, seed=seed))
        for name, (matrix, neurons, steps, seed) in made.items()
    ]


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return monkeys()


@pytest.fixture(scope="module")
def dynamics(recordings: list[Recording]) -> Comparison:
    return dynalign.compare(recordings, DSA(), effort=QUICK)


@pytest.fixture(scope="module")
def geometry(recordings: list[Recording]) -> Comparison:
    return dynalign.compare(recordings, [CKA(), Procrustes()], align="condition_mean", effort=QUICK)


def pair(found: Comparison, both: str, metric: str = "DSA"):
    return next(each for each in found.pairs if each.run + each.reference == both and each.metric == metric)


def test_the_same_dynamics_are_within_the_floor_and_others_beyond(dynamics: Comparison) -> None:
    assert pair(dynamics, "AB").verdict == "within the floor"
    assert pair(dynamics, "AC").verdict == pair(dynamics, "BC").verdict == "beyond the floor"
    assert pair(dynamics, "AB").high < pair(dynamics, "AC").low


def test_numbers_are_those_of_the_metric(dynamics: Comparison, recordings: list[Recording]) -> None:
    a, b = recordings[0].system(), recordings[1].system()
    assert pair(dynamics, "AB").dissimilarity == pytest.approx(DSA()(a, b))
    assert isinstance(b, list)  # of unequal lengths


def test_every_number_has_what_is_needed_to_believe_it(dynamics: Comparison) -> None:
    for each in dynamics.pairs:
        assert each.low <= each.high
        assert each.floor <= each.floor_high
        assert each.starts >= each.at_best >= 1
        assert 1 / math.factorial(5) <= each.p <= 1
        assert each.p_least == 1 / math.factorial(5)
    for fit in dynamics.fits:
        assert fit.itself == pytest.approx(0, abs=1e-6)
        assert fit.floor_low <= fit.floor <= fit.floor_high
        assert fit.rank >= 1
        assert 0 < fit.variance <= 1


def test_it_is_the_same_again(recordings: list[Recording]) -> None:
    few = replace(QUICK, bootstrap=3, splits=3)
    first, again = (dynalign.compare(recordings[:2], CKA(), align="condition_mean", effort=few) for _ in range(2))
    assert first.table().drop(columns="seconds").equals(again.table().drop(columns="seconds"))


def test_it_prints_and_plots_and_becomes_a_frame(dynamics: Comparison, geometry: Comparison) -> None:
    said = str(dynamics)
    assert "A: 40 trials of 50 time steps, 20 units, 5 conditions" in said
    assert "within the floor" in said
    table = geometry.table()
    assert list(table["metric"]) == ["CKA"] * 3 + ["Procrustes"] * 3
    assert set(table["comparison"]) == {"pairwise"}
    assert len(geometry.fit_table()) == 6
    assert list(geometry.recording_table()["longest"]) == [50, max(dynamics.recordings[1].lengths), 50]
    assert geometry.plot("Procrustes").axes
    with pytest.raises(DynalignError, match="did you mean Procrustes"):
        geometry.plot("procrustes")


def test_means_of_conditions_are_what_metrics_of_matched_rows_compare(
    geometry: Comparison, recordings: list[Recording]
) -> None:
    steps = min(min(each.lengths) for each in recordings)
    labels = sorted(set(recordings[0].conditions))
    a, b = (each.means(labels, steps) for each in recordings[:2])
    assert pair(geometry, "AB", "CKA").dissimilarity == pytest.approx(CKA()(a, b))
    assert pair(geometry, "AB", "CKA").p <= 0.05  # conditions of one latent system correspond
    assert pair(geometry, "AB", "CKA").floor > 0
    assert any(f"cut to {steps} time steps" in note for note in geometry.notes)


def test_what_does_not_match_is_refused_by_name(recordings: list[Recording]) -> None:
    with pytest.raises(DynalignError, match=r"B has trials of 4\d to \d\d time steps, but CKA compares trial by trial"):
        dynalign.compare(recordings[:2], CKA())
    with pytest.raises(DynalignError, match=r"align=condition_mean needs the condition of each trial, and A has none"):
        dynalign.compare([replace(each, conditions=None) for each in recordings], CKA(), align="condition_mean")
    other = replace(recordings[1], conditions=["x"] * 40)
    with pytest.raises(DynalignError, match="no condition in common"):
        dynalign.compare([recordings[0], other], CKA(), align="condition_mean")
    turned = recordings[2].conditions[1:] + recordings[2].conditions[:1]
    with pytest.raises(DynalignError, match="Trial 0 is of condition go left in A and go right in C"):
        dynalign.compare([recordings[0], replace(recordings[2], conditions=turned)], CKA())
    with pytest.raises(DynalignError, match="needs the inputs that drove a system"):
        dynalign.compare(recordings, InputDSA())
    with pytest.raises(DynalignError, match="needs two recordings at least, not 1"):
        dynalign.compare(recordings[:1])
    with pytest.raises(DynalignError, match="Two recordings are called A"):
        dynalign.compare([recordings[0]] * 2)


def test_a_pair_that_cannot_be_measured_costs_no_other(recordings: list[Recording]) -> None:
    short = replace(recordings[0], name="short", trials=[trial[:4] for trial in recordings[0].trials])
    found = dynalign.compare([*recordings[:2], short], effort=Effort(bootstrap=0, splits=0, permutations=0))
    assert pair(found, "AB").reason == ""
    assert "short" in pair(found, "Ashort").reason
    assert "n_delays" in pair(found, "Ashort").reason or "delays" in pair(found, "Ashort").reason


def test_one_trial_has_no_interval_and_no_floor() -> None:
    rng = np.random.default_rng(0)
    x, y = (np.cos(rate * np.arange(80)[None, :, None] + rng.uniform(0, 6, size=(1, 1, 4))) for rate in (0.2, 0.5))
    found = dynalign.compare({"x": x + 0.01 * rng.normal(size=x.shape), "y": y}, DSA(rank=2), effort=QUICK)
    assert not math.isnan(found.pairs[0].dissimilarity)
    assert math.isnan(found.pairs[0].low)
    assert math.isnan(found.pairs[0].floor)
    assert any("x, y holds one trial" in note for note in found.notes)
    assert any("a floor needs two" in note for note in found.notes)


def test_matched_trials_are_drawn_together() -> None:
    """A recording and its rotated copy stay the same, whichever trials are drawn."""
    x = monkeys()[0].system()
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(x.shape[2], x.shape[2])))
    found = dynalign.compare({"x": x, "turned": x @ turn}, CKA(), effort=Effort(bootstrap=10))
    assert found.pairs[0].high < 1e-6
    assert any("CKA has no floor here" in note for note in found.notes)


class Stored:
    """What a run of the store has."""

    def __init__(self, states: np.ndarray) -> None:
        self.states = lambda: states
        self.weights = None


def test_a_run_of_the_store_is_its_networks_states() -> None:
    x = monkeys()[0].system()
    few = Effort(bootstrap=0, splits=0, permutations=0)
    found = dynalign.compare({"x": list(x), "run": Stored(x)}, effort=few)
    assert found.pairs[0].dissimilarity == pytest.approx(0, abs=1e-6)


def test_p_of_conditions_is_uniform_where_nothing_corresponds_and_small_where_it_does() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 8, 6))
    ps = [correspondence_of_rows(Measurer(CKA()), x, rng.normal(size=(5, 8, 6)), count=0, seed=0).p for _ in range(25)]
    assert 0.3 < np.mean(ps) < 0.7
    assert np.mean(np.array(ps) <= 0.1) < 0.25
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    found = correspondence_of_rows(Measurer(CKA()), x, x @ turn, count=0, seed=0)
    assert found.p == found.least == 1 / 120
    many = rng.normal(size=(8, 8, 6))
    assert correspondence_of_rows(Measurer(CKA()), many, many, count=99, seed=0) == (0.01, 0.01)


def test_p_of_the_systems_of_conditions() -> None:
    rng = np.random.default_rng(0)
    systems = [
        np.cos(rate * np.arange(60)[None, :, None] + rng.uniform(0, 6, size=(8, 1, 4))) for rate in (0.1, 0.3, 0.8, 1.4)
    ]
    noisy = [each + 1e-3 * rng.normal(size=each.shape) for each in systems]
    found = correspondence_of_systems(Measurer(DSA(rank=2)), systems, noisy, count=0, seed=0)
    assert found.p == found.least == 1 / 24
