"""Networks whose fixed points are known; all lengths and eigenvalues follow from the equation that made them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dynalign.dynamics import fixed_points
from dynalign.errors import DynalignError
from dynalign.models import LeakyGRU, LeakyRNN, Mamba, SequenceModel

D = math.exp(-20 / 100)
ROOT = 0.9575040240772687  # of x = tanh(2 x)
SLOPE = 2 * (1 - ROOT**2)


def rnn(weight: list | np.ndarray, bias: list | np.ndarray, activation: str) -> LeakyRNN:
    model = LeakyRNN(n_inputs=1, n_actions=2, hidden=len(weight), activation=activation).double()
    with torch.no_grad():
        model.input.weight.zero_()
        model.input.bias.copy_(torch.as_tensor(bias))
        model.recurrent.weight.copy_(torch.as_tensor(weight))
    return model


def states(*shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape)


def test_root() -> None:
    assert math.tanh(2 * ROOT) == pytest.approx(ROOT, rel=1e-14)


def test_a_contraction_has_one_point() -> None:
    """Nonnegative weights of norm 0.5 and a positive bias: h = (1 - W)^-1 b, where every relu is open."""
    weight = states(6, 6, low=0)
    weight *= 0.5 / np.linalg.norm(weight, 2)
    bias = np.ones(6)
    found = fixed_points(rnn(weight, bias, "relu"), [0.0], states(10, 5, 6, high=3))
    np.testing.assert_allclose(found.fixed.points, [np.linalg.solve(np.eye(6) - weight, bias)], rtol=1e-10)
    expected = D + (1 - D) * np.linalg.eigvals(weight)
    np.testing.assert_allclose(np.sort_complex(found.fixed.eigenvalues[0]), np.sort_complex(expected), atol=1e-10)
    assert found.fixed.stable.tolist() == [True]
    assert found.fixed.starts.tolist() == [50]
    assert (len(found.slow), found.outside, found.unfinished) == (0, 0, 0)


def nine(model: SequenceModel, stay: float, open_: float) -> None:
    """Check the product of two bistable units: eigenvalue ``stay`` + ``open_`` times the slope at the root."""
    found = fixed_points(model, [0.0], states(300, 2, low=-1.3, high=1.3), starts=300)
    grid = [(a, b) for a in (-ROOT, 0, ROOT) for b in (-ROOT, 0, ROOT)]
    points = found.fixed.points
    assert len(points) == 9
    order = [int(np.argmin(np.linalg.norm(points - corner, axis=1))) for corner in grid]
    np.testing.assert_allclose(points[order], grid, atol=1e-8)
    eigenvalues = [sorted((stay + open_ * (SLOPE if x else 2) for x in corner), reverse=True) for corner in grid]
    np.testing.assert_allclose(found.fixed.eigenvalues[order], eigenvalues, atol=1e-7)
    assert found.fixed.stable[order].tolist() == [all(corner) for corner in grid]
    assert found.fixed.unstable_modes[order].tolist() == [corner.count(0) for corner in grid]
    assert found.fixed.starts.sum() + sum(found.slow.starts) + found.outside + found.unfinished == 300


def test_two_bistable_units_have_four_stable_points_four_saddles_and_a_source() -> None:
    nine(rnn(2 * np.eye(2), np.zeros(2), "tanh"), D, 1 - D)


def test_a_gru_of_two_bistable_units() -> None:
    """Its gates are constants, 0.5 each, so that candidate weights of 4 are 2 as the reset gate lets them through."""
    model = LeakyGRU(n_inputs=1, n_actions=2, hidden=2, activation="tanh").double()
    with torch.no_grad():
        for parameter in (model.input.weight, model.input.bias, model.gates.weight):
            parameter.zero_()
        model.candidate.weight.copy_(4 * torch.eye(2))
    nine(model, 1 - (1 - D) / 2, (1 - D) / 2)


def test_time_constants() -> None:
    found = fixed_points(rnn(2 * np.eye(2), np.zeros(2), "tanh"), [0.0], np.full((1, 2), ROOT), jitter=0.0)
    rate = -math.log(D + (1 - D) * SLOPE) / 20
    np.testing.assert_allclose(found.fixed.time_constants(dt=20), [[1 / rate, 1 / rate]], rtol=1e-7)


def test_a_line_attractor_is_a_row_of_points_that_are_neither_stable_nor_unstable() -> None:
    """W projects onto the diagonal; where all is positive, the relu lets it through."""
    found = fixed_points(rnn(np.full((2, 2), 0.5), np.zeros(2), "relu"), [0.0], states(40, 2, low=0.1), jitter=0.0)
    points = found.fixed.points
    np.testing.assert_allclose(points[:, 0], points[:, 1], atol=1e-6)
    assert len(points) > 10
    assert np.ptp(points[:, 0]) > 0.3
    np.testing.assert_allclose(found.fixed.eigenvalues, np.tile([1, D], (len(points), 1)), atol=1e-10)
    assert not found.fixed.stable.any()
    assert not found.fixed.unstable_modes.any()


def test_a_relu_network_is_solved_past_its_kinks() -> None:
    """Its weights are 0.95 of a rotation, so that the step contracts: there is one fixed point, and nothing slow."""
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((24, 24)))[0]
    model = rnn(0.95 * rotation, np.random.default_rng(2).standard_normal(24), "relu")
    found = fixed_points(model, [0.0], states(64, 24, low=0, high=3))
    h = torch.zeros(1, 24, dtype=torch.float64)
    with torch.no_grad():
        for _ in range(4000):  # from 0, the distance shrinks by 1 - 0.05 (1 - d) = 0.991 per step at least
            h = model.step(torch.zeros(1, 1, dtype=torch.float64), h)
    np.testing.assert_allclose(found.fixed.points, h.numpy(), atol=1e-8)
    assert found.fixed.starts.tolist() == [64]


def test_a_drift_has_no_fixed_point_and_is_as_slow_everywhere() -> None:
    drift = rnn(np.eye(2), np.ones(2), "relu")
    found = fixed_points(drift, [0.0], states(20, 2, low=0), jitter=0.0)
    assert len(found.fixed) == 0
    np.testing.assert_allclose(found.slow.speed, 1)
    np.testing.assert_allclose(found.slow.q, (1 - D) ** 2)


def test_a_slow_point_where_two_fixed_points_just_missed_each_other() -> None:
    """h = tanh(2 h + b) loses its lower two roots at a critical b, where they meet; just above, their ghost is left.

    It lies where the slope is 1, at 2 h + b = -arcosh(sqrt 2), and moves by (1-d) times half the excess e of b. Within
    a thousandth of the least q, h is off by less than sqrt(1e-3 e / (2 c)), c = 2 sqrt 2 being the curvature of the
    step there over 1-d; and the eigenvalue by (1-d) c times that.
    """
    excess, curvature = 0.02, 2 * math.sqrt(2)
    pre = -math.acosh(math.sqrt(2))
    bias = pre - 2 * math.tanh(pre) + excess
    found = fixed_points(rnn([[2.0]], [bias], "tanh"), [0.0], states(50, 1, low=-1.2, high=-0.5), jitter=0.0)
    off = math.sqrt(1e-3 * excess / (2 * curvature))
    assert len(found.slow) >= 1
    np.testing.assert_allclose(found.slow.q[0], ((1 - D) * excess / 2) ** 2 / 2, rtol=1e-3)
    np.testing.assert_allclose(found.slow.points[0], [(pre - bias) / 2], atol=off)
    np.testing.assert_allclose(found.slow.eigenvalues[0], [1], atol=(1 - D) * curvature * off)


def test_points_out_of_reach_are_left_out() -> None:
    far = rnn(np.zeros((2, 2)), [100.0, 100.0], "relu")
    found = fixed_points(far, [0.0], states(20, 2))
    assert (len(found.fixed), len(found.slow), found.outside) == (0, 0, 20)
    assert len(fixed_points(far, [0.0], states(20, 2), reach=1000).fixed) == 1


def test_recorded_states_that_rest_are_their_fixed_point() -> None:
    found = fixed_points(rnn(2 * np.eye(2), np.zeros(2), "tanh"), [0.0], np.full((3, 4, 2), ROOT), jitter=0.0)
    np.testing.assert_allclose(found.fixed.points, [[ROOT, ROOT]], rtol=1e-12)


def test_where_starts_come_from() -> None:
    recorded = np.full((2, 3, 2), ROOT)
    recorded[1, 2] *= -1
    found = fixed_points(rnn(2 * np.eye(2), np.zeros(2), "tanh"), [0.0], recorded)
    below = found.fixed.points[:, 0] < 0
    assert found.fixed.origin[below].tolist() == [[1, 2]]
    assert found.fixed.starts.tolist() == [1 if low else 5 for low in below]


def test_the_same_at_every_call() -> None:
    model = LeakyGRU(n_inputs=1, n_actions=2, hidden=8, activation="tanh")
    first, again = (fixed_points(model, [0.5], states(9, 8), starts=5) for _ in range(2))
    np.testing.assert_array_equal(first.fixed.points, again.fixed.points)
    assert next(model.parameters()).dtype == torch.float32


def test_bad_input() -> None:
    model = rnn(np.eye(2), np.zeros(2), "tanh")
    with pytest.raises(DynalignError, match=r"an input of shape \(1,\) and states \(..., 2\), not \(2,\) and \(4, 2\)"):
        fixed_points(model, [0.0, 0.0], states(4, 2))
    with pytest.raises(DynalignError, match="finite and not all 0"):
        fixed_points(model, [0.0], np.zeros((4, 2)))
    with pytest.raises(DynalignError, match="starts >= 1"):
        fixed_points(model, [0.0], states(4, 2), starts=0)
    mamba = Mamba(n_inputs=1, n_actions=2, d_model=2, d_state=1)
    with pytest.raises(DynalignError, match="Mamba has no step on its states alone"):
        fixed_points(mamba, [0.0], np.ones((3, mamba.n_states)))
