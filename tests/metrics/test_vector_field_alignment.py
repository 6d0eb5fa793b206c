"""The alignment against closed forms, brute force, and exact conjugates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from dynalign.metrics.vector_field_alignment import align, frame, optima


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=(-2, -1), keepdims=True)


def aligned(a: np.ndarray, b: np.ndarray, *, starts: int = 192, seed: int = 0) -> np.ndarray:
    """C B Cᵀ at the best C, per pair."""
    first, second = ([frame(torch.from_numpy(x), seed=seed) for x in side] for side in (a, b))
    c = align(first, second, starts=starts).numpy()
    np.testing.assert_allclose(c @ c.swapaxes(1, 2), np.broadcast_to(np.eye(a.shape[-1]), c.shape), atol=1e-9)
    return c @ b @ c.swapaxes(1, 2)


def best(a: np.ndarray, b: np.ndarray, *, starts: int = 192, seed: int = 0) -> np.ndarray:
    """The largest inner product found, per pair, of operators of norm 1."""
    a, b = unit(a), unit(b)
    return np.sum(a * aligned(a, b, starts=starts, seed=seed), axis=(1, 2))


@pytest.mark.parametrize("n", [1, 2, 6, 20, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["gaussian", "contraction", "near identity", "normal", "nilpotent"])
def test_exact_conjugates_are_found(n: int, kind: str) -> None:
    rng = np.random.default_rng(n)
    a = rng.normal(size=(12, n, n)) / np.sqrt(n)
    turns = np.stack([ortho_group.rvs(n, random_state=seed) if n > 1 else np.ones((1, 1)) for seed in range(12)])
    turns[::2, 0] *= -1  # both determinants
    if kind == "contraction":
        a = turns[::-1] * np.linspace(1, 0.1, n) ** 3
    elif kind == "near identity":
        a = np.eye(n) + 1e-3 * a
    elif kind == "normal":
        a = a - a.swapaxes(1, 2) + 0.3 * np.eye(n)
    elif kind == "nilpotent":
        a = np.triu(a, 1) + 1e-3 * np.eye(n)
    a, b = unit(a), unit(turns.swapaxes(1, 2) @ a @ turns)
    # Products of n x n matrices of norm 1 round to n eps at most; five of them make B, C B Cᵀ and the difference.
    assert np.linalg.norm(a - aligned(a, b), axis=(1, 2)).max() < 5 * max(n, 10) * np.finfo(float).eps


def test_optima_tells_the_best_from_the_next() -> None:
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(unit(x)) for x in rng.normal(size=(2, 12, 12)))
    found = optima(frame(a, seed=0), frame(b, seed=0), starts=100)
    value = float((a * (found.best @ b @ found.best.mT)).sum())
    assert value == pytest.approx(best(a.numpy()[None], b.numpy()[None])[0], abs=1e-9)
    assert 1 <= found.at_best < 100
    assert found.runner_up is not None
    assert float((a * (found.runner_up @ b @ found.runner_up.mT)).sum()) < value - 1e-6


def test_optima_of_a_conjugate_pair_without_another_optimum() -> None:
    a = torch.diag(torch.tensor([0.8, 0.6], dtype=torch.float64))
    found = optima(frame(a, seed=0), frame(a.flip(0, 1), seed=0), starts=20)
    assert torch.linalg.matrix_norm(a - found.best @ a.flip(0, 1) @ found.best.mT) < 1e-9
    assert found.at_best == 20
    assert found.runner_up is None


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


def test_starts_turn_with_the_operators() -> None:
    # So few starts that most pairs end at some other optimum than the best: it must be the same one after a rotation.
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 20, 12, 12))
    turns = np.stack([ortho_group.rvs(12, random_state=seed) for seed in range(20)])
    found = best(a, b, starts=2)
    np.testing.assert_allclose(best(a, turns @ b @ turns.swapaxes(1, 2), starts=2), found, atol=1e-9)
    assert (found < best(a, b) - 1e-6).sum() > 5
