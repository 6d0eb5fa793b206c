"""The fitted operator against known dynamics, and delays that run over time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import DSA
from dynalign.metrics.delays import Embedding
from dynalign.metrics.hankel_dmd import (
    ConditionWarning,
    HankelDMD,
    Rank,
    _optimal_threshold,
    fit_hankel_dmd,
    prediction_error,
)


def fit(states: np.ndarray, n_delays: int = 1, interval: int = 1, rank: Rank = 6, ridge: float = 0.0) -> HankelDMD:
    centred = torch.from_numpy(states - states.mean((0, 1)))
    return fit_hankel_dmd([centred], Embedding(n_delays, interval), rank=rank, ridge=ridge, rounding=2e-16)


def eigenvalues(matrix: np.ndarray | torch.Tensor) -> np.ndarray:
    return np.sort_complex(np.linalg.eigvals(np.asarray(matrix)))


def error(states: np.ndarray, n_delays: int = 1, rank: int = 6) -> float:
    centred = torch.from_numpy(states - states.mean((0, 1)))
    return prediction_error(fit(states, n_delays, rank=rank), Embedding(n_delays, 1), [centred])


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
    states = linear(matrix, trials=20, time=30)
    found = fit(states)
    np.testing.assert_allclose(eigenvalues(found.operator), eigenvalues(matrix), atol=1e-8)
    assert found.kept_rank == 6
    assert found.explained_variance == pytest.approx(1)
    assert error(states) < 1e-15


def test_swapped_axes_do_not() -> None:
    matrix = damped_rotation()
    states = linear(matrix, trials=20, time=30).swapaxes(0, 1)
    assert np.abs(eigenvalues(fit(states).operator) - eigenvalues(matrix)).max() > 0.1
    assert error(states) > 0.1


def test_delays_carry_hidden_dynamics() -> None:
    # One observed unit of a rotation: one delay cannot predict it, two can, with the rotation's eigenvalues.
    angle = 0.3
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = linear(rotation, trials=10, time=50)[:, :, :1]
    found = eigenvalues(fit(seen, n_delays=2, rank=2).operator)
    np.testing.assert_allclose(np.sort(np.angle(found)), [-angle, angle], atol=1e-10)
    assert error(seen, rank=1) > 0.1


def test_delay_vectors_stay_within_their_trial() -> None:
    states = torch.arange(2 * 6 * 1, dtype=torch.float64).reshape(2, 6, 1)
    embedded = Embedding(n_delays=3, interval=2)(states)
    np.testing.assert_array_equal(embedded[0], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(embedded[1], [[6, 8, 10], [7, 9, 11]])


@pytest.mark.parametrize(("delays", "interval"), [(2, 1), (6, 1), (5, 2), (4, 5), (3, 9)])
def test_gram_matrices_are_those_of_the_delay_vectors(delays: int, interval: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 7, 40, 3, generator=generator, dtype=torch.float64)
    embedding = Embedding(delays, interval)
    rows_x, rows_y = (embedding(z).reshape(-1, 3 * delays) for z in (x, y))
    torch.testing.assert_close(embedding.gram([x], [y]), rows_x.mT @ rows_y, rtol=0, atol=1e-11)
    torch.testing.assert_close(embedding.gram([x]), rows_x.mT @ rows_x, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("delays", "interval", "ridge"), [(1, 1, 0.0), (5, 1, 0.0), (4, 3, 0.0), (5, 1, 0.3)])
def test_the_fit_is_the_least_squares_of_whitened_delay_vectors(delays: int, interval: int, ridge: float) -> None:
    # By another way: singular vectors of the delay vectors by NumPy's SVD, then its least squares.
    rng = np.random.default_rng(1)
    states = np.tanh(np.cumsum(rng.normal(size=(15, 40, 4)), axis=1) / 3)
    states -= states.mean((0, 1))
    window = (delays - 1) * interval
    rows = np.stack([states[:, k : k + 40 - window] for k in range(0, window + 1, interval)], axis=2)
    rows = rows.reshape(15, 40 - window, -1)
    _, values, axes = np.linalg.svd(rows.reshape(-1, rows.shape[-1]), full_matrices=False)
    coordinates = rows @ axes[:3].T / values[:3]
    before, after = coordinates[:, :-1].reshape(-1, 3), coordinates[:, 1:].reshape(-1, 3)
    expected = np.linalg.solve(before.T @ before + ridge * np.eye(3), before.T @ after).T
    found = fit(states, delays, interval, rank=3, ridge=ridge)
    np.testing.assert_allclose(eigenvalues(found.operator), eigenvalues(expected), atol=1e-9)
    assert np.linalg.norm(found.operator) == pytest.approx(np.linalg.norm(expected), rel=1e-9)
    assert found.explained_variance == pytest.approx((values[:3] ** 2).sum() / (values**2).sum())


@pytest.mark.parametrize("delays", [6, 12])
def test_more_dimensions_than_delay_vectors(delays: int) -> None:
    """A short recording of many units: what is fitted is the same, though no Gram matrix of all dimensions is made."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(40, 5)))[0]
    few = linear(0.9 * np.linalg.qr(rng.normal(size=(5, 5)))[0], trials=4, time=delays + 8)
    wide = few @ basis.T  # 40 units, of which 5 directions hold data
    assert len(wide) * 9 < 40 * delays
    a, b = fit(few, delays, rank=5), fit(wide, delays, rank=5)
    np.testing.assert_allclose(eigenvalues(a.operator), eigenvalues(b.operator), rtol=0, atol=1e-8)
    size = torch.linalg.matrix_norm(a.operator)
    torch.testing.assert_close(size, torch.linalg.matrix_norm(b.operator), rtol=1e-8, atol=0)


def test_directions_without_data_are_zero() -> None:
    lifted = linear(damped_rotation(), trials=20, time=30) @ ortho_group.rvs(9, random_state=0)[:6]
    found = fit(lifted, rank=8)
    assert found.kept_rank == 6
    assert not found.operator[6:].any()
    assert not found.operator[:, 6:].any()


def test_small_singular_values_keep_their_digits() -> None:
    # The second rotation is a million times smaller than the first: squared, it would drown in rounding.
    scale = np.array([1, 1, 1e-6, 1e-6])
    blocks = damped_rotation_blocks(4)
    states = linear(blocks, trials=40, time=40) * scale
    with pytest.warns(ConditionWarning, match=r"The 4 kept directions of x span 5\.9 orders of magnitude"):
        found = fit(states, rank=4)
    np.testing.assert_allclose(eigenvalues(found.operator), eigenvalues(blocks), atol=1e-7)
    assert found.span == pytest.approx(5.9, abs=0.1)


def test_rank_by_explained_variance() -> None:
    scale = np.array([1, 1, 0.1, 0.1])
    states = linear(damped_rotation_blocks(4), trials=40, time=40) * scale  # about 1 % of the variance in the second
    assert fit(states, rank=0.9).kept_rank == 2
    assert fit(states, rank=0.9999).kept_rank == 4
    assert fit(states, rank=1.0).operator.shape == (4, 4)


def test_rank_by_optimal_threshold() -> None:
    # Published values (Gavish & Donoho 2014, table 4), and what the threshold is for: a low rank under white noise.
    for aspect, expected in ((0.05, 1.5194), (0.5, 2.1711), (1.0, 2.8582)):
        assert _optimal_threshold(aspect) == pytest.approx(expected, abs=1e-3)
    states = linear(damped_rotation_blocks(4), trials=40, time=40) @ ortho_group.rvs(12, random_state=0)[:4]
    noisy = states + 0.02 * np.random.default_rng(0).normal(size=states.shape)
    assert fit(noisy, rank="optimal").kept_rank == 4


def test_one_step_of_data_has_the_shortest_solution() -> None:
    # Three pairs of present and next state in four dimensions: the operator is not determined; the least norm is taken.
    rng = np.random.default_rng(0)
    states = rng.normal(size=(3, 2, 4))
    states -= states.mean((0, 1))
    rows = states.reshape(-1, 4)
    _, values, axes = np.linalg.svd(rows, full_matrices=False)
    whitened = states @ axes.T / values
    expected = np.linalg.lstsq(whitened[:, 0], whitened[:, 1], rcond=None)[0].T
    found = fit(states, rank=4)
    # Whitened coordinates are free up to a rotation: turn the one operator into the other's. Their eigenvalues would be
    # no measure, since 0 is a defective one here, which moves with the square root of the rounding error.
    turn = np.linalg.lstsq(found.whitening.numpy(), axes.T / values, rcond=None)[0]
    np.testing.assert_allclose(turn.T @ turn, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(turn.T @ found.operator.numpy() @ turn, expected, atol=1e-12)


def damped_rotation_blocks(n: int) -> np.ndarray:
    blocks = np.zeros((n, n))
    for k in range(n // 2):
        cos, sin = 0.98 * np.cos(0.3 + k), 0.98 * np.sin(0.3 + k)
        blocks[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[cos, -sin], [sin, cos]]
    return blocks


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            DSA(n_delays=20, delay_interval=3),
            "10 time steps .* horizon=3, which need at least 61; use n_delays <= 3",
        ),
        (
            DSA(n_delays=20, estimator="havok"),
            "10 time steps .*=1, which need at least 21; use n_delays <= 9",
        ),
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
        ({"rank": 0}, "rank a number >= 1, a share of variance such as 0.99, or optimal, not 0"),
        ({"rank": 1.5}, "not 1.5"),
        ({"rank": "best"}, "not best"),
        ({"rank": 1}, "DSA with rank=1 compares single numbers"),
        ({"estimator": "best"}, "estimator=best is unknown; use shrinkage or havok"),
        ({"horizon": 0}, "horizon >= 1, not 0"),
        ({"distance": "cosine"}, "distance=cosine is unknown"),
        ({"distance": "euclidean", "scale": "radians"}, "scale=radians needs distance=angular"),
    ],
)
def test_bad_parameters(arguments: dict, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        DSA(**arguments)


def test_ridge_shrinks_the_operator() -> None:
    x = linear(damped_rotation(), trials=20, time=30)
    norms = [float(np.linalg.norm(fit(x, ridge=r).operator)) for r in (0.0, 0.1, 1.0)]
    assert norms[0] > norms[1] > norms[2]
