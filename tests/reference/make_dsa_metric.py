"""Make dsa_metric.npz: what the package dsa-metric 2.0.2 says of four small systems.

Run it where that package is installed: python tests/reference/make_dsa_metric.py
"""

from pathlib import Path

import numpy as np
import torch
from DSA import DSA

ITERATIONS = 5000


def systems() -> list[np.ndarray]:
    """Return four systems (trials, time, units): noisy linear dynamics of different speed, seen through tanh."""
    made = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
        matrix = q @ np.diag([0.99, 0.95, 0.9, 0.8]) + 0.1 * (seed + 1) * (q - q.T) / 2
        matrix *= 0.97 / np.abs(np.linalg.eigvals(matrix)).max()
        x, states = rng.normal(size=(20, 4)), []
        for _ in range(60):
            x = x @ matrix.T + 0.3 * rng.normal(size=x.shape)
            states.append(np.tanh(x))
        centred = np.stack(states, axis=1)
        made.append(centred - centred.mean((0, 1)))
    return made


def main() -> None:
    """Fit, compare, and save."""
    torch.manual_seed(0)
    data = systems()
    dsa = DSA(
        [torch.from_numpy(x) for x in data],
        n_delays=3,
        delay_interval=2,
        rank=8,
        iters=ITERATIONS,
        lr=1e-2,
        score_method="angular",
    )
    angles = np.asarray(dsa.fit_score())
    operators = np.stack([np.asarray(dmd.A_v) for dmd in dsa.dmds[0]])
    path = Path(__file__).with_name("dsa_metric.npz")
    np.savez_compressed(path, states=np.stack(data).astype(np.float64), operators=operators, angles=angles)


if __name__ == "__main__":
    main()
