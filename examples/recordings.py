"""Simulate three recordings whose answer is known: two of the same dynamics in other neurons, one of other dynamics.

    python examples/recordings.py [folder]

writes monkey_a.mat, monkey_b.npz and monkey_c.csv, by default into the folder recordings. Two latent variables z start
where the condition of a trial says and go on by

    z[t + 1] = M z[t] + 0.06 noise,

with M a damped rotation in monkeys A and B (period of 0.5 s, decay over 0.7 s), and in monkey C a decay without
rotation (over 0.7 s and 0.1 s). Every neuron fires Poisson spikes, counted in bins of 20 ms, of a mean of

    1 + 0.55 (z1 cos a + z2 sin a),

with preferred directions a that are spread evenly and begin anywhere, so that no neuron is shared. Monkey B has fewer
neurons and trials of unequal lengths.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.io

STEP = 0.02  # seconds
STARTS = {  # of the conditions, in no symmetric arrangement
    "go left": (-1.6, 0.3), "go right": (1.5, 0.6), "stop left": (-0.9, -1.0), "stop right": (0.7, -1.4),
    "wait": (0.3, 1.1),
}  # fmt: skip
Array = npt.NDArray[np.float64]


def rotation(period: float, decay: float) -> Array:
    """Return the matrix of a damped rotation, both times in seconds."""
    angle = 2 * np.pi * STEP / period
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.exp(-STEP / decay) * turn


def decays(slow: float, fast: float) -> Array:
    """Return the matrix of two decays, both times in seconds."""
    return np.diag(np.exp(-STEP / np.array([slow, fast])))


def record(
    matrix: Array, *, trials: int, neurons: int, steps: tuple[int, int], seed: int
) -> tuple[list[Array], list[str]]:
    """Return spike counts (time, neurons) of every trial, and its condition; lengths are drawn from a range."""
    rng = np.random.default_rng(seed)
    preferred = 2 * np.pi * (rng.permutation(neurons) + rng.random()) / neurons
    weights = 0.55 * np.array([np.cos(preferred), np.sin(preferred)])
    names = [list(STARTS)[trial % len(STARTS)] for trial in range(trials)]
    counts = []
    for name in names:
        state = np.array(STARTS[name])
        path = []
        for _ in range(rng.integers(steps[0], steps[1] + 1)):
            path.append(state)
            state = matrix @ state + 0.06 * rng.normal(size=2)
        counts.append(rng.poisson(np.maximum(1 + np.array(path) @ weights, 0)).astype(float))
    return counts, names


def write(folder: Path) -> None:
    """Write the three recordings, each in a format of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    same, other = rotation(period=0.5, decay=0.7), decays(slow=0.7, fast=0.1)
    counts, names = record(same, trials=60, neurons=40, steps=(50, 50), seed=1)
    cells = np.array(names, dtype=object)
    scipy.io.savemat(folder / "monkey_a.mat", {"counts": np.stack(counts), "condition": cells})
    counts, names = record(same, trials=60, neurons=30, steps=(40, 60), seed=2)
    arrays = {f"trial_{place:02d}": trial for place, trial in enumerate(counts)}
    np.savez(folder / "monkey_b.npz", condition=np.array(names), **arrays)  # type: ignore[arg-type]
    counts, names = record(other, trials=60, neurons=40, steps=(50, 50), seed=3)
    tables = [
        pd.DataFrame(trial, columns=[f"unit {unit}" for unit in range(trial.shape[1])]).assign(
            trial=place, time=STEP * np.arange(len(trial)), condition=name
        )
        for place, (trial, name) in enumerate(zip(counts, names, strict=True))
    ]
    pd.concat(tables).to_csv(folder / "monkey_c.csv", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "recordings"))
