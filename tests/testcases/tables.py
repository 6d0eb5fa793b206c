"""Tables as a metric would have measured them, with dissimilarities that the test makes up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from dynalign.testcases import Comparison, Material, Measured, Simulation, as_rows

TINY = Simulation(("lorenz_origin", "hopf_cycle"), trials=4, time_steps=32)


def table(comparisons: Iterable[Comparison], value: Callable[[Comparison], float], *, seed: int = 0) -> pd.DataFrame:
    """The rows of one seed, with the reason "too loud" where the dissimilarity is NaN."""
    rows = []
    for comparison in comparisons:
        found = float(value(comparison))
        lost = math.isnan(found)
        rows.append({**comparison._asdict(), "dissimilarity": None if lost else found, "reason": "too loud" * lost})
    return as_rows(Measured(rows, len(rows), 0.0, []), metric="made up", case="made up", seed=seed)


def by_hand(*lines: tuple[str, float, bool, str, str, float]) -> pd.DataFrame:
    """Rows from (part, level, different, a, b, dissimilarity)."""
    numbers = [line[-1] for line in lines]
    comparisons = [Comparison(a, b, part, level, different, a, b) for part, level, different, a, b, _ in lines]
    values = iter(numbers)
    return table(comparisons, lambda _: next(values))


def chance(comparisons: Sequence[Comparison], seeds: int) -> pd.DataFrame:
    """Random numbers between 0.5 and 1.5, over several seeds."""
    rng = np.random.default_rng(0)
    return pd.concat([table(comparisons, lambda _: rng.uniform(0.5, 1.5), seed=seed) for seed in range(seeds)])


def same(first: Material, second: Material) -> bool:
    """Whether two materials are the same to the last bit."""
    if list(first.comparisons) != list(second.comparisons) or first.systems.keys() != second.systems.keys():
        return False
    return all(np.array_equal(first.systems[name], second.systems[name]) for name in first.systems)
