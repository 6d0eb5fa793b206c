"""The fitted operator against known dynamics, and delays that run over time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import DSA
from dynalign.metrics.hankel_dmd import delay_embed


def linear(matrix: np.ndarray, trials: int, time: int, seed: int = 0) -> np.ndarray:
    """Trajectories of x -> M x from random points, paired with their mirror images so that the mean is 0."""
    x = np.random.default_rng(seed).normal(size=(trials // 2, len(matrix)))
    x = np.concatenate([x, -x])
    states = []
    for _ in range(time):
        states.append(x)
        x = x @ matrix.T
    return np.stack(states, axis=1)


def damped_rotation() -> np.ndarray:
    """Three rotations of different speed and damping, in a skewed basis."""
    blocks = np.zeros((6, 6))
    for k, (radius, angle) in enumerate([(0.99, 0.2), (0.95, 0.7), (0.9, 1.9)]):
        cos, sin = radius * np.cos(angle), radius * np.sin(angle)
        blocks[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[cos, -sin], [sin, cos]]
    basis = np.random.default_rng(3).normal(size=(6, 6))
    return basis @ blocks @ np.linalg.inv(basis)


def test_recovers_the_eigenvalues_of_known_dynamics() -> None:
    matrix = damped_rotation()
    fit = DSA(n_delays=1, rank=6).diagnostics(linear(matrix, trials=20, time=30))
    expected = np.sort_complex(np.linalg.eigvals(matrix))
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(fit.operator)), expected, atol=1e-8)
    assert fit.kept_rank == 6
    assert fit.explained_variance == pytest.approx(1)
    assert fit.prediction_error < 1e-15


def test_swapped_axes_do_not() -> None:
    matrix = damped_rotation()
    states = linear(matrix, trials=20, time=30)
    fit = DSA(n_delays=1, rank=6).diagnostics(states.swapaxes(0, 1))
    found = np.sort_complex(np.linalg.eigvals(fit.operator))
    assert np.abs(found - np.sort_complex(np.linalg.eigvals(matrix))).max() > 0.1
    assert fit.prediction_error > 0.1


def test_delays_carry_hidden_dynamics() -> None:
    # One observed unit of a rotation: one delay cannot predict it, two can, with the rotation's eigenvalues.
    angle = 0.3
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = linear(rotation, trials=10, time=50)[:, :, :1]
    found = np.linalg.eigvals(DSA(n_delays=2, rank=2).diagnostics(seen).operator)
    np.testing.assert_allclose(np.sort(np.angle(found)), [-angle, angle], atol=1e-10)
    assert DSA(n_delays=1, rank=1).diagnostics(seen).prediction_error > 0.1


def test_delay_vectors_stay_within_their_trial() -> None:
    states = np.arange(2 * 6 * 1, dtype=float).reshape(2, 6, 1)
    embedded = delay_embed(states, n_delays=3, delay_interval=2)
    np.testing.assert_array_equal(embedded[0], [[4, 2, 0], [5, 3, 1]])
    np.testing.assert_array_equal(embedded[1], [[10, 8, 6], [11, 9, 7]])


def test_directions_without_data_are_zero() -> None:
    matrix = damped_rotation()
    lifted = linear(matrix, trials=20, time=30) @ ortho_group.rvs(9, random_state=0)[:6]
    metric = DSA(n_delays=1, rank=8)
    fit = metric.diagnostics(lifted)
    assert fit.kept_rank == 6
    assert not fit.operator[6:].any()
    assert not fit.operator[:, 6:].any()


def test_small_singular_values_keep_their_digits() -> None:
    # The second rotation is a million times smaller than the first: squared, it would drown in rounding.
    scale = np.array([1, 1, 1e-6, 1e-6])
    blocks = damped_rotation_blocks(4)
    states = linear(blocks, trials=40, time=40) * scale
    found = np.linalg.eigvals(DSA(n_delays=1, rank=4).diagnostics(states).operator)
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(np.linalg.eigvals(blocks)), atol=1e-7)


def damped_rotation_blocks(n: int) -> np.ndarray:
    blocks = np.zeros((n, n))
    for k in range(n // 2):
        cos, sin = 0.98 * np.cos(0.3 + k), 0.98 * np.sin(0.3 + k)
        blocks[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[cos, -sin], [sin, cos]]
    return blocks


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (DSA(n_delays=20, delay_interval=3), "10 time steps .* need at least 59; use n_delays <= 3"),
        (DSA(n_delays=2, rank=9), r"rank=9 exceeds the 8 dimensions .* \(4 units x 2 delays\)"),
    ],
)
def test_too_much_asked_of_the_data(metric: DSA, message: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 10, 4))
    with pytest.raises(DynalignError, match=message):
        metric(x, x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_delays": 0}, "n_delays >= 1"),
        ({"ridge": -1.0}, "ridge >= 0"),
        ({"device": "banana"}, "device=banana is unknown"),
        ({"device": "meta"}, "use cpu or cuda"),
    ],
)
def test_bad_parameters(arguments: dict, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        DSA(**arguments)


def test_ridge_shrinks_the_operator() -> None:
    x = linear(damped_rotation(), trials=20, time=30)
    norms = [np.linalg.norm(DSA(n_delays=1, rank=6, ridge=r).diagnostics(x).operator) for r in (0.0, 0.1, 1.0)]
    assert norms[0] > norms[1] > norms[2]
