"""Small linear systems whose dynamics are known, recorded with noise."""

from __future__ import annotations

import numpy as np


def spiral(decay: float, angle: float, *, seed: int, trials: int = 20, noise: float = 0.02) -> np.ndarray:
    """Return (trials, 30, 2): a rotation by ``angle`` that shrinks by ``decay`` at every step, from random starts."""
    rng = np.random.default_rng(seed)
    step = decay * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    states = np.empty((trials, 30, 2))
    states[:, 0] = rng.normal(size=(trials, 2))
    for time in range(29):
        states[:, time + 1] = states[:, time] @ step.T
    return states + noise * rng.normal(size=states.shape)
