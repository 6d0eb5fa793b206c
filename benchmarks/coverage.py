"""How often do intervals of crossed designs hold the truth? Percentile and bootstrap-t, few seeds, a pool of networks.

    python benchmarks/coverage.py --simulations 2000 --pool 8 --seeds 3 5 8 10 20

Simulates tables of seeds x pool members with effects of seeds, of pool members and of pairs, and prints the share of
intervals that hold the true value and their mean length, at 95 % and 90 %. The cases differ in which effect is large,
in whether seeds vary normally, and in the statistic: a mean, a log ratio of two groups on the same seeds, and the
difference of such log ratios between two independent designs. The simulation error of a share is
sqrt(0.95 * 0.05 / simulations): 0.005 for 2000.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dynalign.inference import OfMeans, crossed
from dynalign.statistics import Array

LEVELS = (0.95, 0.90)


def first_mean(means: Array) -> Array:
    return means[:, 0]


def log_ratio(means: Array) -> Array:
    return np.log(means[:, 0] / means[:, 1])


def gap_of_log_ratios(means: Array) -> Array:
    return log_ratio(means[:, :2]) - log_ratio(means[:, 2:])


class Case(NamedTuple):
    """A statistic whose true value is 0, and the effects it is measured under: standard deviations."""

    name: str
    statistic: OfMeans
    groups: int
    designs: int
    of_seeds: float
    of_pool: float
    of_pairs: float
    skewed: bool = False

    def design(self, seeds: int, pool: int, rng: np.random.Generator) -> Array:
        """Return tables (groups, seeds, pool): around 0 for a mean, around 1 and positive for ratios."""
        rows = rng.normal(size=(self.groups, seeds, 1))
        if self.skewed:  # log-normal, moved to a mean of 0 and scaled to a variance of 1
            rows = (np.exp(rows) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
        columns = rng.normal(size=(1, 1, pool)) + rng.normal(size=(self.groups, 1, pool)) / 2
        pairs = rng.normal(size=(self.groups, seeds, pool))
        tables: Array = self.of_seeds * rows + self.of_pool * columns + self.of_pairs * pairs
        return tables if self.groups == 1 else 1 + 0.1 * tables


CASES = (
    Case("all effects alike", first_mean, 1, 1, 1.0, 1.0, 1.0),
    Case("seeds only", first_mean, 1, 1, 1.0, 0.0, 0.3),
    Case("pool mostly", first_mean, 1, 1, 0.3, 1.0, 1.0),
    Case("pairs only", first_mean, 1, 1, 0.0, 0.0, 1.0),
    Case("seeds skewed", first_mean, 1, 1, 1.0, 0.3, 0.3, skewed=True),
    Case("log ratio, paired", log_ratio, 2, 1, 1.0, 0.5, 0.5),
    Case("gap of log ratios, 2 designs", gap_of_log_ratios, 2, 2, 1.0, 0.5, 0.5),
)


def coverage(
    case: Case, seeds: int, pool: int, *, simulations: int, draws: int = 1000
) -> dict[tuple[str, float], Array]:
    """Return (share of intervals that hold 0, mean length) by method and level."""
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    rng = np.random.default_rng([seeds, pool])
    for simulation in range(simulations):
        designs = [case.design(seeds, pool, rng) for _ in range(case.designs)]
        estimate = crossed(case.statistic, *designs, draws=draws, seed=simulation)
        methods: dict[str, Callable[[float], tuple[float, float]]] = {
            "percentile": estimate.percentile,
            "bootstrap-t": estimate.interval,
        }
        for name, interval in methods.items():
            for level in LEVELS:
                low, high = interval(level)
                found.setdefault((name, level), []).append((float(low <= 0 <= high), high - low))
    return {key: np.mean(pairs, axis=0) for key, pairs in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--pool", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 8, 10, 20])
    chosen = parser.parse_args(arguments)
    columns = [f"{method} {100 * level:.0f} %" for method in ("percentile", "bootstrap-t") for level in LEVELS]
    print(f"| case | seeds | {' | '.join(columns)} |")
    print("|---|---|---|---|---|---|")
    for case in CASES:
        for seeds in chosen.seeds:
            found = coverage(case, seeds, chosen.pool, simulations=chosen.simulations, draws=chosen.draws)
            cells = [f"{share:.3f} ({length:.2f})" for share, length in found.values()]
            print(f"| {case.name} | {seeds} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
