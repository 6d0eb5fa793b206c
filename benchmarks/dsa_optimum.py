"""Does DSA reach its optimum, and how long do many networks take?

    python benchmarks/dsa_optimum.py conjugates   # exact conjugates, whose distance is 0, at ranks 2 to 50
    python benchmarks/dsa_optimum.py invariances  # self-distance, symmetry, rotation and lifting, on trained networks
    python benchmarks/dsa_optimum.py spread       # how far 20 seeds of the solver differ, on pairs of trained networks
    python benchmarks/dsa_optimum.py many         # 64 networks, rank 50: all 2,016 pairs

The networks are checkpoints of leaky RNNs, leaky GRUs and Mambas, which ``train.py`` trains on first use (about five
minutes on two cores; they stay in multirun/benchmark).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import ortho_group

from dynalign.metrics import DSA, pairwise
from dynalign.metrics.vector_field_alignment import align, frame
from dynalign.representations import Representation
from dynalign.store import RunStore

Array = npt.NDArray[np.float64]
ROOT = Path(__file__).parents[1]
STORE = "multirun/benchmark"
TRAINING = ["model=rnn,gru,mamba", "seed=0,1", "trainer.epochs=10", "metric=cka", "logger=none", f"store={STORE}"]
PROBE = Representation(rule="delay_anti", trials=100, period=None, components=20, basis="own", seed=2410)


def networks() -> list[Array]:
    """Return the states (trials, time, 20 components) of 64 checkpoints, training first where there are none."""
    subprocess.run([sys.executable, "train.py", "-m", *TRAINING], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    store = RunStore(ROOT / STORE)
    keys = sorted(folder.name for folder in store.root.iterdir() if (folder / "config.json").exists())
    runs = [store.open(key) for key in keys]
    states = [PROBE.of(run, epoch) for run in runs for epoch in run.epochs]
    return states[:64]


def pick(systems: list[Array], count: int) -> list[tuple[int, int]]:
    """Return some pairs of different networks."""
    rows, columns = np.triu_indices(len(systems), 1)
    chosen = np.random.default_rng(0).permutation(len(rows))[:count]
    return [(int(rows[k]), int(columns[k])) for k in chosen]


def conjugates() -> None:
    """Align 400 random operators of each rank with rotated copies of themselves, half of them mirrored."""
    for rank in (2, 6, 20, 50):
        rng = np.random.default_rng(rank)
        a = rng.normal(size=(400, rank, rank))
        a /= np.linalg.norm(a, axis=(1, 2), keepdims=True)
        turns = ortho_group.rvs(rank, size=400, random_state=rank)
        turns[::2, 0] *= -1
        b = turns.swapaxes(1, 2) @ a @ turns
        first, second = ([frame(torch.from_numpy(x), seed=0) for x in side] for side in (a, b))
        c = align(first, second, starts=DSA().starts).numpy()
        distances = 2 * np.arctan2(
            np.linalg.norm(a - c @ b @ c.swapaxes(1, 2), axis=(1, 2)),
            np.linalg.norm(a + c @ b @ c.swapaxes(1, 2), axis=(1, 2)),
        )
        print(
            f"rank {rank:2d}: largest of 400 distances {distances.max():.1e} rad, "
            f"{np.sum(distances >= 1e-6)} of them above 1e-6"
        )


def invariances() -> None:
    """Measure what must be 0 on pairs of trained networks."""
    systems = networks()
    worst: dict[str, float] = {}
    metric = DSA()
    for i, j in pick(systems, 40):
        x, y = systems[i].astype(float), systems[j].astype(float)
        rotation, lift = ortho_group.rvs(20, random_state=i), ortho_group.rvs(31, random_state=j)[:20]
        distance = metric(x, y)
        found = {
            "self-distance": metric(x, x),
            "symmetry": metric(y, x) - distance,
            "rotation": metric(x, y @ rotation) - distance,
            "distance to a rotated copy": metric(y, y @ rotation),
            "lifting": metric(x, y @ lift) - distance,
            "distance to a lifted copy": metric(y, y @ lift),
        }
        worst = {name: max(worst.get(name, 0.0), abs(value)) for name, value in found.items()}
    for name, value in worst.items():
        print(f"{name:28s} {value:.1e} at most, over 40 pairs")


def spread() -> None:
    """Measure pairs of trained networks with 20 seeds of the solver."""
    systems = networks()
    for rank, count in ((20, 100), (50, 40)):
        pairs = pick(systems, count)
        prepared = {k: DSA(rank=rank).prepare(systems[k]) for pair in pairs for k in pair}
        found = np.array(
            [
                DSA(rank=rank, seed=seed, scale="radians").distances([(prepared[i], prepared[j]) for i, j in pairs])
                for seed in range(20)
            ]
        )
        ranges = np.ptp(found, axis=0)
        print(
            f"rank {rank}: 20 seeds differ by less than 1e-4 rad on {np.mean(ranges < 1e-4):.0%} of {count} pairs; "
            f"the rest by {ranges[ranges >= 1e-4].mean() if (ranges >= 1e-4).any() else 0:.1e} on average, "
            f"{ranges.max():.1e} at most (distances {found.mean():.2f} rad on average)"
        )


def many() -> None:
    """Compare 64 networks, all with all."""
    systems = networks()
    start = time.perf_counter()
    matrix = pairwise(DSA(rank=50), systems, progress=True)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(systems)} networks, rank 50: {seconds:.0f} s for all pairs, peak memory {memory:.1f} GiB, ", end="")
    print(f"largest self-distance {matrix.diagonal().max():.1e}")


def main() -> None:
    """Run what was asked for."""
    parts: dict[str, Callable[[], None]] = {
        "conjugates": conjugates,
        "invariances": invariances,
        "spread": spread,
        "many": many,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parts[parser.parse_args().part]()


if __name__ == "__main__":
    main()
