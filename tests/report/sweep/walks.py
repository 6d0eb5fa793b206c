"""States that wander, as a network's are shown."""

from __future__ import annotations

import numpy as np

from dynalign.studies import ExampleTrial, Trajectories


def walks(seed: int, name: str = "right") -> Trajectories:
    """Return two conditions of three checkpoints; the second, and a channel, are called ``name``."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(3, 2, 12, 3)).cumsum(axis=2)
    times, periods = 20.0 * np.arange(12), ["stimulus"] * 7 + ["decision"] * 5
    trial = ExampleTrial("go", name, rng.normal(size=(12, 2)), np.full((12, 1), np.nan), ["a", name], ["choice"])
    return Trajectories([0, 2, 4], ["left", name], 2, states, np.array([0.2, 0.8, 0.9]), times, periods, trial)
