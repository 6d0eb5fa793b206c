"""The noise that is found in recordings whose noise is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dynalign.metrics.delays import Embedding
from dynalign.metrics.shrinkage import noise_edge

EMBEDDING = Embedding(5, 1)


def orbit(trials: int = 200, time: int = 60) -> np.ndarray:
    """Two rotations of different speed, of unit variance in every one of four units."""
    rng = np.random.default_rng(0)
    phases, steps = rng.uniform(0, 2 * np.pi, size=(trials, 1, 2)), np.arange(time)[None, :, None]
    angles = phases + steps * np.array([0.15, 0.4])
    return math.sqrt(2) * np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)


def edge(states: np.ndarray) -> float:
    centred = [torch.from_numpy(states - states.mean((0, 1)))]
    rows = EMBEDDING.rows(centred)
    gram = rows.mT @ rows
    squares, axes = torch.linalg.eigh(gram)
    return float(noise_edge(centred, EMBEDDING, gram, squares.flip(0).clamp_min(0).sqrt(), axes.flip(1)))


@pytest.mark.parametrize("level", [0.03, 0.1, 0.5])
def test_white_noise_on_foreseeable_states_is_found(level: float) -> None:
    states = orbit()
    noisy = states + level * np.random.default_rng(1).normal(size=states.shape)
    # At least the noise, and little more: five delays see each rotation in noise that averages out only in part.
    assert level**2 < edge(noisy) < 2.5 * level**2


def test_states_that_can_be_foreseen_have_next_to_no_noise() -> None:
    assert edge(orbit()) == pytest.approx(1e-8 * 20, rel=0.1)  # of the variance of all 20 dimensions


def test_noise_per_direction_does_not_depend_on_units_without_a_direction_of_their_own() -> None:
    states = orbit() + 0.1 * np.random.default_rng(1).normal(size=(200, 60, 4))
    lift = np.linalg.qr(np.random.default_rng(2).normal(size=(9, 9)))[0][:4]
    assert edge(states @ lift) == pytest.approx(edge(states), rel=1e-6)


def test_what_nothing_foretells_is_all_noise() -> None:
    noise = np.random.default_rng(0).normal(size=(200, 60, 4))
    assert edge(noise) > 1
