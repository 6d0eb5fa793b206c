"""The alignment against closed forms, brute force, and exact conjugates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from dynalign.metrics.vector_field_alignment import _curvature, _gradient, align


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=(-2, -1), keepdims=True)


def best(a: np.ndarray, b: np.ndarray, *, starts: int = 24, seed: int = 0) -> np.ndarray:
    """The largest inner product found, per pair."""
    a, b = unit(a), unit(b)
    aligned = align(torch.from_numpy(a), torch.from_numpy(b), starts=starts, seed=seed).numpy()
    np.testing.assert_allclose(np.linalg.norm(aligned, axis=(1, 2)), 1, atol=1e-9)  # a conjugation keeps the norm
    return np.sum(a * aligned, axis=(1, 2))


def test_gradient_and_curvature_are_the_derivatives_along_the_group() -> None:
    rng = np.random.default_rng(0)
    a, m = (torch.from_numpy(rng.normal(size=(5, 5))) for _ in range(2))
    omega = torch.zeros(5, 5, dtype=torch.float64)
    omega[1, 3], omega[3, 1] = 1, -1
    values = []
    for t in (-1e-4, 0.0, 1e-4):
        turn = torch.matrix_exp(t * omega)
        values.append((a * (turn @ m @ turn.T)).sum().item())
    assert (_gradient(a, m) * omega).sum().item() == pytest.approx((values[2] - values[0]) / 2e-4, rel=1e-6)
    second = (values[2] - 2 * values[1] + values[0]) / 1e-8
    assert 2 * _curvature(a, m)[1, 3].item() == pytest.approx(-second, rel=1e-4)


@pytest.mark.parametrize("n", [2, 6, 20])
def test_exact_conjugates_are_found(n: int) -> None:
    rng = np.random.default_rng(n)
    a = rng.normal(size=(20, n, n))
    turns = np.stack([ortho_group.rvs(n, random_state=seed) for seed in range(20)])
    turns[::2, 0] *= -1  # both determinants
    a, b = unit(a), unit(turns.swapaxes(1, 2) @ a @ turns)
    aligned = align(torch.from_numpy(a), torch.from_numpy(b), starts=24, seed=0).numpy()
    assert np.linalg.norm(a - aligned, axis=(1, 2)).max() < 1e-8


def test_symmetric_operators_align_by_their_sorted_eigenvalues() -> None:
    rng = np.random.default_rng(0)
    a, b = (x + x.swapaxes(1, 2) for x in rng.normal(size=(2, 10, 7, 7)))
    expected = [
        np.linalg.eigvalsh(x) @ np.linalg.eigvalsh(y) / (np.linalg.norm(x) * np.linalg.norm(y))
        for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(best(a, b), expected, atol=1e-9)


def test_skew_operators_align_by_their_frequencies() -> None:
    rng = np.random.default_rng(1)
    a, b = (x - x.swapaxes(1, 2) for x in rng.normal(size=(2, 10, 6, 6)))
    expected = []
    for x, y in zip(a, b, strict=True):
        speeds = [np.sort(np.abs(np.linalg.eigvals(z).imag)) for z in (x, y)]
        expected.append(speeds[0] @ speeds[1] / (np.linalg.norm(x) * np.linalg.norm(y)))
    np.testing.assert_allclose(best(a, b), expected, atol=1e-9)


def test_two_dimensions_against_brute_force() -> None:
    rng = np.random.default_rng(2)
    a, b = unit(rng.normal(size=(30, 2, 2))), unit(rng.normal(size=(30, 2, 2)))
    angles = np.linspace(0, 2 * np.pi, 20000)
    turn = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], -1).reshape(-1, 2, 2)
    turns = np.concatenate([turn, turn * [1, -1]])
    for x, y, found in zip(a, b, best(a, b), strict=True):
        brute = np.einsum("ij,kil,lm,kjm->k", x, turns, y, turns).max()
        assert found == pytest.approx(brute, abs=1e-6)


def test_more_starts_never_lose_and_the_seed_decides() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 6, 8, 8))
    assert (best(a, b, starts=60) >= best(a, b, starts=12) - 1e-9).all()
    np.testing.assert_array_equal(best(a, b, seed=5), best(a, b, seed=5))
