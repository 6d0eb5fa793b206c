"""Our DSA against the package dsa-metric, in one run: the 9 x 9 matrix of Lorenz systems at rank 20.

Run it where both are installed (pip install dsa-metric): python benchmarks/dsa_vs_dsa_metric.py
"""

from __future__ import annotations

import time

import numpy as np
import torch

from dynalign.metrics import DSA, pairwise

SETTINGS = {"n_delays": 10, "delay_interval": 1, "rank": 20}


def lorenz(r: float, rng: np.random.Generator, trials: int = 200, time_steps: int = 200) -> np.ndarray:
    """Return trajectories (trials, time, 3) by the study's forward Euler, each scaled to its own range."""
    x, states = rng.uniform(size=(trials, 3)), []
    for _ in range(time_steps):
        states.append(x)
        dx = (10 * (x[:, 1] - x[:, 0]), x[:, 0] * (r - x[:, 2]) - x[:, 1], x[:, 0] * x[:, 1] - 2.667 * x[:, 2])
        x = x + 0.01 * np.stack(dx, axis=1)
    made = np.stack(states, axis=1)
    low = made.min((1, 2), keepdims=True)
    scaled = (made - low) / (made.max((1, 2), keepdims=True) - low)
    return scaled - scaled.mean((0, 1))


def main() -> None:
    """Time both on the same systems, and compare the distances that they find."""
    rng = np.random.default_rng(0)
    systems = [lorenz(r, rng) for r in (0.25, 0.5, 0.75, 5, 10, 15, 30, 40, 50)]
    start = time.perf_counter()
    ours = pairwise(DSA(**SETTINGS, scale="radians"), systems)
    seconds = time.perf_counter() - start
    print(f"dynalign    {seconds:7.1f} s   mean distance {ours[np.triu_indices(9, 1)].mean():.4f} rad")
    try:
        from DSA import dsa as peer_package
    except ImportError:
        print("dsa-metric is not installed here: pip install dsa-metric")
        return
    torch.manual_seed(0)
    start = time.perf_counter()
    peer = peer_package.DSA(
        [torch.from_numpy(x) for x in systems], **SETTINGS, iters=1000, lr=1e-2, score_method="angular"
    )
    theirs = np.asarray(peer.fit_score())
    peer_seconds = time.perf_counter() - start
    pairs = np.triu_indices(9, 1)
    print(f"dsa-metric  {peer_seconds:7.1f} s   mean distance {theirs[pairs].mean():.4f} rad (float32 operators)")
    smaller = np.mean(ours[pairs] < theirs[pairs])
    print(f"ratio {peer_seconds / seconds:.0f}x; ours is smaller on {smaller:.0%} of the pairs")


if __name__ == "__main__":
    main()
