"""How far a system is from itself: worked by hand, and against systems that are known to be another."""

from __future__ import annotations

import numpy as np
import pytest
from tests.metrics.systems import spiral
from tests.metrics.test_halves import MeanGap

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Driven, InputDSA, Procrustes, reliability

DYNAMICS = DSA(n_delays=2, rank=2, estimator="havok")


def constant(*values: float) -> np.ndarray:
    return np.array(values)[:, None, None] * np.ones((len(values), 3, 2))


def test_worked_by_hand() -> None:
    found = reliability(MeanGap(), constant(0, 2), others=[constant(11, 11), constant(21, 21)], splits=8)
    assert found.trials == 1
    assert found.values.tolist() == [2] * 8
    assert (found.floor, found.low, found.high) == (2, 2, 2)
    assert found.between.shape == (8, 2)
    # A half of x is 0 or 2: 11 or 9 from the first of the others, 21 or 19 from the second.
    assert {tuple(row) for row in found.between.tolist()} == {(11, 21), (9, 19)}
    assert found.ratio.value == pytest.approx(found.between.mean() / 2)
    assert found.ratio.low <= found.ratio.value <= found.ratio.high
    assert found.ratio.low >= 14 / 2
    assert found.ratio.high <= 16 / 2
    assert found.again is None


def test_two_noisy_recordings_of_one_system_are_nearer_than_another_system() -> None:
    x, again, other = spiral(0.98, 0.3, seed=0), spiral(0.98, 0.3, seed=1), spiral(0.9, 0.8, seed=2)
    found = reliability(DYNAMICS, x, again=again, others=[other])
    assert found.floor < 0.1 * found.between.mean()
    assert found.again < 0.1 * found.between.mean()
    assert found.again == DYNAMICS(x, again)
    assert found.ratio.low > 10
    same = reliability(DYNAMICS, x, others=[again])
    assert same.ratio.low < 3


def test_more_noise_is_a_higher_floor_and_more_trials_a_lower_one() -> None:
    floors = [reliability(DYNAMICS, spiral(0.95, 0.4, seed=0, noise=noise)).floor for noise in (0, 0.05, 0.2)]
    assert floors[0] < 0.01  # other starts are whitened otherwise
    assert floors == sorted(floors)
    few, many = (reliability(DYNAMICS, spiral(0.95, 0.4, seed=0, trials=trials)).floor for trials in (6, 60))
    assert many < few


@pytest.mark.parametrize("metric", [CKA(), Procrustes()])
def test_metrics_that_compare_trial_by_trial_take_a_second_recording(metric: object) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 10, 3))
    again, other = x + 0.01 * rng.normal(size=x.shape), rng.normal(size=x.shape)
    found = reliability(metric, x, again=again, others=[other], splits=4, seed=3)
    # By hand: the first half of each permutation, the same trials in all three.
    draws = np.random.default_rng(3)
    halves = [draws.permutation(8)[:4] for _ in range(4)]
    np.testing.assert_allclose(found.values, [metric(x[half], again[half]) for half in halves], atol=1e-12)
    np.testing.assert_allclose(found.between[:, 0], [metric(x[half], other[half]) for half in halves], atol=1e-12)
    assert found.ratio.low > 5


def test_larger_others_are_compared_in_halves_of_one_size() -> None:
    found = reliability(DYNAMICS, spiral(0.98, 0.3, seed=0, trials=20), others=[spiral(0.98, 0.3, seed=1, trials=9)])
    assert found.trials == 4


def test_driven_systems() -> None:
    rng = np.random.default_rng(0)
    x = Driven(rng.normal(size=(12, 10, 3)), rng.normal(size=(12, 10, 2)))
    assert reliability(InputDSA(rank=2), x, splits=2).floor > 0


def test_a_person_can_read_it() -> None:
    found = reliability(MeanGap(), constant(0, 2), again=constant(1, 1.5), others=[constant(12, 12)], splits=2)
    lines = str(found).splitlines()
    assert lines[0] == "Mean gap floor 2 [2, 2]: the system from itself, 2 times 1 trials from 1"
    assert lines[1] == "measured again, all trials: 0.25"
    assert lines[2].startswith("from 1 other 1")
    assert lines[2].endswith("times the floor: farther than from itself")
    near = reliability(MeanGap(), constant(0, 2), others=[constant(0.5, 1)], splits=2)
    assert str(near).endswith("no farther than from itself")
    alone = reliability(MeanGap(), constant(1, 1), others=[constant(1, 1)], splits=2)
    assert np.isnan(alone.ratio.value)
    assert str(alone).endswith("no farther than from itself")


def test_bad_input_gets_one_sentence() -> None:
    x = np.random.default_rng(0).normal(size=(6, 10, 3))
    with pytest.raises(DynalignError, match=r"CKA compares trial by trial, .* give again=\.\.\., a second recording"):
        reliability(CKA(), x)
    with pytest.raises(DynalignError, match="x has 6 trials and again has 5, but CKA compares trial by trial"):
        reliability(CKA(), x, again=x[:5])
    with pytest.raises(DynalignError, match="x has 6 trials and other 0 has 4"):
        reliability(CKA(), x, again=x, others=[x[:4]])
    with pytest.raises(DynalignError, match="there is 1; give two or more"):
        reliability(DYNAMICS, x[:1])
    with pytest.raises(DynalignError, match=r"a half of other 0 \(split 0\) holds .* NaN"):
        reliability(DYNAMICS, x, others=[np.full_like(x, np.nan)])
