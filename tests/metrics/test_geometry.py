"""CKA and Procrustes against independent formulas and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from dynalign.metrics import CKA, Procrustes


def pair(seed: int, units_x: int = 4, units_y: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 9, units_x))
    return x, np.tanh(x @ rng.normal(size=(units_x, units_y))) + 0.2 * rng.normal(size=(6, 9, units_y))


@pytest.mark.parametrize("seed", range(5))
def test_cka_is_the_normalised_hsic_of_full_gram_matrices(seed: int) -> None:
    x, y = pair(seed)
    flat_x, flat_y = x.reshape(54, -1), y.reshape(54, -1)
    centring = np.eye(54) - 1 / 54
    gram_x, gram_y = (centring @ z @ z.T @ centring for z in (flat_x, flat_y))
    cka = np.trace(gram_x @ gram_y) / np.sqrt(np.trace(gram_x @ gram_x) * np.trace(gram_y @ gram_y))
    assert CKA(scale="radians")(x, y) == pytest.approx(np.arccos(cka), abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("units", [(4, 4), (3, 6), (6, 3)])
def test_procrustes_is_what_scipys_best_rotation_leaves(seed: int, units: tuple[int, int]) -> None:
    x, y = pair(seed, *units)
    width = max(units)
    padded = []
    for z in (x, y):
        flat = z.reshape(54, -1) - z.reshape(54, -1).mean(0)
        flat = np.pad(flat, ((0, 0), (0, width - flat.shape[1])))
        padded.append(flat / np.linalg.norm(flat))
    rotation, _ = scipy.linalg.orthogonal_procrustes(padded[1], padded[0])
    similarity = np.sum(padded[0] * (padded[1] @ rotation))
    assert Procrustes(scale="radians")(x, y) == pytest.approx(np.arccos(similarity), abs=1e-10)


def test_hand_worked_right_angle() -> None:
    # Two units that vary in turn: orthogonal Gram matrices, so CKA is a right angle. Procrustes turns one unit onto
    # the other, but their time courses are orthogonal: a right angle too.
    x = np.array([[[1.0], [-1.0], [0.0], [0.0]]])
    y = np.array([[[0.0], [0.0], [1.0], [-1.0]]])
    assert CKA()(x, y) == pytest.approx(1.0, abs=1e-12)
    assert Procrustes()(x, y) == pytest.approx(1.0, abs=1e-12)


def test_hand_worked_stretch() -> None:
    # Circles stretched to an ellipse with axes 1 and s: CKA = (1 + s²) / sqrt(2 (1 + s⁴)), Procrustes similarity
    # (1 + s) / sqrt(2 (1 + s²)).
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]
    s = 3.0
    ellipse = circle * [1, s]
    assert CKA(scale="radians")(circle, ellipse) == pytest.approx(np.arccos((1 + s**2) / np.sqrt(2 * (1 + s**4))))
    assert Procrustes(scale="radians")(circle, ellipse) == pytest.approx(np.arccos((1 + s) / np.sqrt(2 * (1 + s**2))))


def test_digits_survive_near_zero() -> None:
    x, _ = pair(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    small, smaller = (CKA()(x, x + size * noise) for size in (1e-6, 1e-9))
    assert small / smaller == pytest.approx(1000, rel=1e-3)
