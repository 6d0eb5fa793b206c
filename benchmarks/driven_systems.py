"""Whether a metric knows a driven system again under other inputs: DSA, and InputDSA in both of its coordinates.

python benchmarks/driven_systems.py

Five linear systems of six units, each driven in four ways, from white noise to slow drifts, through other input weights
every time, and seen through another rotation. Prints how often one system under two kinds of inputs is nearer than two
systems under the same inputs (0.5 is chance), and the medians of both distances.
"""

from __future__ import annotations

import warnings
from itertools import combinations

import numpy as np
from scipy.stats import ortho_group

from dynalign.metrics import DSA, Driven, InputDSA, Metric, pairwise
from dynalign.metrics.hankel_dmd import ConditionWarning

UNITS, CHANNELS, SYSTEMS, TRIALS, TIME = 6, 3, 5, 40, 60
MEMORIES = (0.0, 0.6, 0.9, 0.98)


def operator(rng: np.random.Generator) -> np.ndarray:
    """Return a random operator: damped rotations in three planes."""
    matrix = np.zeros((UNITS, UNITS))
    for k in range(0, UNITS, 2):
        size, angle = rng.uniform(0.8, 0.97), rng.uniform(0.1, 1.5)
        cos, sin = size * np.cos(angle), size * np.sin(angle)
        matrix[k : k + 2, k : k + 2] = [[cos, -sin], [sin, cos]]
    return matrix


def drifting(memory: float, rng: np.random.Generator) -> np.ndarray:
    """Return inputs of variance 1 that forget themselves at the rate of ``memory``."""
    u, made = rng.normal(size=(TRIALS, CHANNELS)), []
    for _ in range(TIME):
        u = memory * u + np.sqrt(1 - memory**2) * rng.normal(size=u.shape)
        made.append(u)
    return np.stack(made, axis=1)


def driven(a: np.ndarray, inputs: np.ndarray, noise: float, rng: np.random.Generator) -> Driven:
    """Return a system that runs under inputs and noise."""
    b, turn = rng.normal(size=(UNITS, CHANNELS)), ortho_group.rvs(UNITS, random_state=rng)
    x, made = rng.normal(size=(TRIALS, UNITS)), []
    for t in range(TIME):
        x = x @ a.T + inputs[:, t] @ b.T + noise * rng.normal(size=x.shape)
        made.append(x @ turn)
    return Driven(np.stack(made, axis=1), inputs)


def main() -> None:
    """Print a line per metric, number of delays and level of noise."""
    warnings.simplefilter("ignore", ConditionWarning)
    for noise in (0.0, 0.3):
        rng = np.random.default_rng(1)
        operators = [operator(rng) for _ in range(SYSTEMS)]
        inputs = [drifting(memory, rng) for memory in MEMORIES]
        systems = {(i, j): driven(a, u, noise, rng) for j, u in enumerate(inputs) for i, a in enumerate(operators)}
        for delays, rank in ((1, 6), (3, 12)):
            metrics: list[Metric] = [
                DSA(n_delays=delays, rank=rank, starts=24),
                InputDSA(n_delays=delays, rank=rank, starts=24, whiten=True),
                InputDSA(n_delays=delays, rank=rank, starts=24),
            ]
            for metric in metrics:
                shown = [x if metric.needs_inputs else x.states for x in systems.values()]
                matrix = pairwise(metric, shown)
                pairs = [(a, b, matrix[p, q]) for (p, a), (q, b) in combinations(enumerate(systems), 2)]
                near = np.array([value for a, b, value in pairs if a[0] == b[0]])
                far = np.array([value for a, b, value in pairs if a[0] != b[0] and a[1] == b[1]])
                share = (near[:, None] < far).mean()
                print(f"noise {noise}: {metric.label}: {share:.2f} ({np.median(near):.3f} and {np.median(far):.3f})")


if __name__ == "__main__":
    main()
