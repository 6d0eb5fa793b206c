"""Our RSA beside the package rsatoolbox, in one run: seconds from patterns to the similarity of two RDMs.

    pip install rsatoolbox
    python benchmarks/rsa_vs_rsatoolbox.py

Both compare the squared Euclidean distances of all pairs of conditions by Pearson's correlation; the similarities are
compared too. Of three calls the shortest counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm, compare

from dynalign.metrics import RSA

Array = npt.NDArray[np.float64]


def shortest(call: Callable[[], float]) -> tuple[float, float]:
    """Return the least seconds of three calls, and the result."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def theirs(x: Array, y: Array) -> float:
    """Return rsatoolbox's correlation of two RDMs."""
    rdms = [calc_rdm(Dataset(z.reshape(-1, z.shape[-1])), method="euclidean") for z in (x, y)]
    return float(compare(*rdms, method="corr")[0, 0])


def main() -> None:
    """Compare at growing numbers of conditions."""
    rng = np.random.default_rng(0)
    for trials in (10, 40, 100):
        x = rng.normal(size=(trials, 50, 20)).cumsum(axis=1)
        y = np.tanh(x @ rng.normal(size=(20, 30)) / 20)
        seconds, angle = shortest(lambda: RSA(scale="radians")(x, y))  # noqa: B023
        peer_seconds, similarity = shortest(lambda: theirs(x, y))  # noqa: B023
        print(
            f"{trials * 50:5d} conditions: dynalign {seconds * 1e3:7.1f} ms, rsatoolbox {peer_seconds * 1e3:7.1f} ms, "
            f"ratio {peer_seconds / seconds:.0f}x; similarities differ by {abs(math.cos(angle) - similarity):.1e}"
        )


if __name__ == "__main__":
    main()
