"""Make rsatoolbox.npz: what the package rsatoolbox 0.3.2 says of three small systems.

Run it where that package is installed: python tests/reference/make_rsatoolbox.py
"""

from pathlib import Path

import numpy as np
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm, compare

DISSIMILARITIES = ("euclidean", "correlation")
COMPARISONS = {"pearson": "corr", "spearman": "spearman", "cosine": "cosine"}


def systems() -> np.ndarray:
    """Return three systems (trials, time, units), each unit centred, that share a part of their signal."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(6, 5, 4))
    made = np.tanh(0.7 * shared @ rng.normal(size=(3, 1, 4, 7)) + 0.5 * rng.normal(size=(3, 6, 5, 7)))
    return made - made.mean(axis=(1, 2), keepdims=True)


def main() -> None:
    """Calculate RDMs, compare all with all, and save."""
    data = systems()
    saved = {"states": data}
    for conditions, patterns in (("moments", data.reshape(3, 30, 7)), ("trials", data.reshape(3, 6, 35))):
        for dissimilarity in DISSIMILARITIES:
            rdms = calc_rdm([Dataset(pattern) for pattern in patterns], method=dissimilarity)
            for ours, theirs in COMPARISONS.items():
                saved[f"{conditions}_{dissimilarity}_{ours}"] = compare(rdms, rdms, method=theirs)
    np.savez_compressed(Path(__file__).with_name("rsatoolbox.npz"), **saved)


if __name__ == "__main__":
    main()
