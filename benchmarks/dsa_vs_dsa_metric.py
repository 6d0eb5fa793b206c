"""Our DSA beside the package dsa-metric, in one run: seconds of the whole call, and who finds the better optimum.

    pip install dsa-metric
    python benchmarks/dsa_vs_dsa_metric.py default   # the 9 x 9 matrix of Lorenz systems, DSA's default settings
    python benchmarks/dsa_vs_dsa_metric.py lorenz    # the same, rank 20
    python benchmarks/dsa_vs_dsa_metric.py pair      # one pair of 200 trials x 200 steps x 20 units, rank 50

The package runs as its authors set it: 1,000 Adam steps at a learning rate of 0.01. Two things are compared. The
seconds from states to distances, ours at the default number of starts and at few; of repeated calls the shortest
counts. And the optima: since the package fits in single precision, its distances belong to other operators than ours,
so its optimiser is also run on our operators, and its angle is recomputed from where it ends, in double precision.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from DSA import DSA as PeerDSA  # noqa: N811
from DSA.dmd import DMD as PeerDMD  # noqa: N811
from DSA.simdist import SimilarityTransformDist

from dynalign.metrics import DSA, pairwise

Array = npt.NDArray[np.float64]


def lorenz(r: float, rng: np.random.Generator, trials: int = 200, time_steps: int = 200) -> Array:
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


def recurrent(seed: int, trials: int = 200, time_steps: int = 200, units: int = 20) -> Array:
    """Return states (trials, time, units) of a random recurrent network, driven by noise."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(units, units)) * 1.2 / np.sqrt(units)
    x, states = rng.normal(size=(trials, units)), []
    for _ in range(time_steps):
        x = 0.8 * x + 0.2 * np.tanh(x) @ weights.T + 0.1 * rng.normal(size=x.shape)
        states.append(np.tanh(x))
    made = np.stack(states, axis=1)
    return made - made.mean((0, 1))


def nine_lorenz_systems() -> list[Array]:
    """Return the study's nine, with one rng for all."""
    rng = np.random.default_rng(0)
    return [lorenz(r, rng) for r in (0.25, 0.5, 0.75, 5, 10, 15, 30, 40, 50)]


# What to compare, the settings that both packages have, and which estimator ours fits by.
CASES: dict[str, tuple[Callable[[], list[Array]], dict[str, int], Literal["shrinkage", "havok"]]] = {
    "default": (nine_lorenz_systems, {"n_delays": 5, "rank": 8}, "shrinkage"),
    "lorenz": (nine_lorenz_systems, {"n_delays": 10, "rank": 20}, "havok"),
    "pair": (lambda: [recurrent(0), recurrent(1)], {"n_delays": 15, "rank": 50}, "havok"),
}


def shortest(call: Callable[[], Array], repeats: int = 2) -> tuple[float, Array]:
    """Return the least seconds of some calls, and the result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def peer_matrix(systems: list[Array], settings: dict[str, int]) -> Array:
    """Return dsa-metric's distances, in radians."""
    torch.manual_seed(0)
    copies = [torch.from_numpy(x.copy()) for x in systems]  # the package changes what it is given
    peer = PeerDSA(copies, **settings, delay_interval=1, iters=1000, lr=1e-2, score_method="angular")
    return np.asarray(peer.fit_score(), dtype=float)


def peer_operator(states: Array, settings: dict[str, int]) -> Array:
    """Return the operator that dsa-metric fits."""
    dmd = PeerDMD(torch.from_numpy(states.copy()), **settings, delay_interval=1)
    dmd.fit()
    return np.asarray(dmd.A_v)


def peer_angle(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the angle at which dsa-metric's optimiser leaves two operators."""
    torch.manual_seed(0)
    solver = SimilarityTransformDist(iters=1000, lr=1e-2, score_method="angular")
    solver.fit(a.float(), b.float())
    # Its C is orthogonal to single precision; the nearest one that is so in double precision is meant.
    u, _, v = torch.linalg.svd(torch.as_tensor(solver.C_star).double())
    # Whichever way round C is meant.
    best = max(float((a * (c @ b @ c.mT)).sum()) for c in (u @ v, (u @ v).mT))
    return math.acos(min(1.0, best / float(torch.linalg.matrix_norm(a) * torch.linalg.matrix_norm(b))))


def main() -> None:
    """Time both on the same systems, and compare the optima that they find."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=CASES)
    case = parser.parse_args().case
    warnings.simplefilter("ignore")
    make, settings, estimator = CASES[case]
    systems = make()
    pairs = np.triu_indices(len(systems), 1)
    metric = DSA(**settings, estimator=estimator, scale="radians")
    pairwise(metric, systems[:2])  # loads what is loaded once
    peer_seconds, theirs = shortest(lambda: peer_matrix(systems, settings), 2 if case == "pair" else 1)
    print(
        f"dsa-metric            {peer_seconds:7.2f} s           mean {theirs[pairs].mean():.4f} rad (its own operators)"
    )
    peer_fit, _ = shortest(lambda: peer_operator(systems[0], settings), 3)
    fit, _ = shortest(lambda: metric.prepare(systems[0]).operator.numpy(), 3)
    print(f"one fit: dsa-metric {peer_fit:.3f} s, dynalign {fit:.3f} s, {peer_fit / fit:.1f}x")
    operators = [metric.prepare(x).operator for x in systems]
    on_ours = np.array([peer_angle(operators[i], operators[j]) for i, j in zip(*pairs, strict=True)])
    print(f"  on our operators                        mean {on_ours.mean():.4f} rad")
    for starts in (metric.starts, 48, 16):
        seconds, ours = shortest(lambda: pairwise(dataclasses.replace(metric, starts=starts), systems), 3)  # noqa: B023
        excess = on_ours - ours[pairs]
        print(
            f"dynalign, {starts:3d} starts  {seconds:7.2f} s  {peer_seconds / seconds:5.1f}x  "
            f"mean {ours[pairs].mean():.4f} rad; "
            f"never larger on {np.mean(excess > -1e-6):.0%} of the pairs, smaller by {np.median(excess):.1e} (median) "
            f"to {excess.max():.1e}"
        )


if __name__ == "__main__":
    main()
