"""DSA against numbers of the package dsa-metric (see tests/reference/make_dsa_metric.py)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from dynalign.metrics import DSA, DSAMetric, pairwise

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "dsa_metric.npz")
METRIC = DSA(n_delays=3, delay_interval=2, rank=8, scale="radians", estimator="havok")


@pytest.mark.parametrize("index", range(4))
def test_operators_have_the_same_eigenvalues(index: int) -> None:
    # Theirs are in single precision and of norm 1; eigenvalues do not depend on the coordinates.
    theirs = np.linalg.eigvals(REFERENCE["operators"][index].astype(float))
    ours = np.linalg.eigvals(METRIC.prepare(REFERENCE["states"][index]).operator.numpy())
    np.testing.assert_allclose(np.sort_complex(ours), np.sort_complex(theirs), atol=1e-4)


def test_distances_are_never_larger() -> None:
    # Both minimise over the same rotations, so the smaller distance is the more right one.
    ours, theirs = pairwise(METRIC, list(REFERENCE["states"])), REFERENCE["angles"]
    assert (ours <= theirs + 1e-4).all()


def lorenz(rho: float) -> np.ndarray:
    """Euler steps of a Lorenz system, far from 0: ten trials of (time, 3)."""
    state, states = np.random.default_rng(0).normal(loc=[0.0, 0.0, 20.0], size=(10, 3)), []
    for _ in range(300):
        x, y, z = state.T
        state = state + 0.01 * np.stack([10 * (y - x), x * (rho - z) - y, x * y - 8 / 3 * z], axis=1)
        states.append(state)
    return np.stack(states[100:], axis=1)


@pytest.mark.parametrize("center", [True, False])
def test_systems_far_from_zero_centred_or_not(center: bool) -> None:
    dmd = pytest.importorskip("DSA.dmd").DMD
    settings = {"n_delays": 4, "rank": 6}
    systems = [lorenz(rho) for rho in (28.0, 45.0)]
    ours, theirs = (
        kind(**settings, center=center, scale="radians") for kind in (partial(DSA, estimator="havok"), DSAMetric)
    )
    for states in systems:
        alone = dmd(torch.from_numpy(states - center * states.mean((0, 1))), **settings)
        alone.fit()
        operators = [alone.A_v, theirs.prepare(states), ours.prepare(states).operator]
        expected, *found = (np.linalg.eigvals(each / np.linalg.norm(each)) for each in map(np.asarray, operators))
        for values in found:
            np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(expected), atol=1e-4)
    assert ours(*systems) <= theirs(*systems) + 1e-4


def test_centring_is_what_takes_the_mean_away() -> None:
    x, y = (lorenz(rho) for rho in (28.0, 45.0))
    raw, centred = (
        DSA(n_delays=1, rank=3, center=center, scale="radians", estimator="havok") for center in (False, True)
    )
    assert "translation" in centred.invariances - raw.invariances
    assert centred(x + 7.0, y) == pytest.approx(centred(x, y), abs=1e-8)
    assert abs(raw(x, y) - raw(x + 7.0, y)) > 1e-3
    assert raw(x - x.mean((0, 1)), y - y.mean((0, 1))) == pytest.approx(centred(x, y), abs=1e-8)
    assert raw(x, x) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("center", [True, False])
def test_gradients_of_states_that_are_centred_or_not(center: bool) -> None:
    metric = DSA(n_delays=2, rank=3, center=center, estimator="havok")
    x, y = (torch.from_numpy(lorenz(rho)[:, ::20] / 30) for rho in (28.0, 45.0))
    x.requires_grad_()
    metric.loss(x, y).backward()
    assert x.grad is not None
    along = torch.from_numpy(np.random.default_rng(1).normal(size=x.shape))
    with torch.no_grad():
        ahead, behind = (metric(x + sign * 1e-5 * along, y) for sign in (1, -1))
    assert float((x.grad * along).sum()) == pytest.approx((ahead - behind) / 2e-5, rel=1e-3)
