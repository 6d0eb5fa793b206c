"""Does dissimilarity grow as two wholes share fewer parts? (E3)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import ClassVar

import numpy as np
import pandas as pd

from dynalign import statistics
from dynalign.attractors import Lorenz, Straight, attach, to_unit_range
from dynalign.errors import DynalignError
from dynalign.statistics import Array, Estimate
from dynalign.testcases.base import (
    Comparison,
    Criterion,
    Material,
    Panel,
    States,
    TestCase,
    complete,
    mean_curve,
    means_by_level,
    resampled,
    values_of,
)
from dynalign.testcases.simulation import Simulation

UNORDERED, ORDERED = "unordered", "ordered"
_LENGTH = 3  # motifs in a sequence
_SHARED = np.array([1.0, 2.0, 3.0])  # of five motifs, two sequences of three share at least one


_CRITERIA = (
    Criterion(
        "rho_unordered",
        "ρ motifs",
        "higher",
        "Spearman's correlation of dissimilarity with the number of motifs not shared, in any order.",
        headline=True,
    ),
    Criterion(
        "rho_ordered",
        "ρ motifs in order",
        "higher",
        "Spearman's correlation of dissimilarity with the number of motifs not shared at the same place.",
    ),
    Criterion(
        "fall",
        "fall, 1 to 3 shared",
        "higher",
        "The share of the dissimilarity at one shared motif that is gone at three (in another order).",
    ),
    Criterion("linear", "R² motifs", "higher", "How linearly mean dissimilarity falls with the motifs shared."),
)


@dataclass(frozen=True)
class Composition(TestCase):
    """All sequences of three different motifs out of five, attached to each other.

    The motifs are a straight line, a curve (Lorenz, r = 0.5), two spirals (r = 5 and 15), and a path of line, curve,
    line and curve. Unordered, two sequences share the motifs that both contain; ordered, those at the same place.

    Parameters
    ----------
    pairs_per_kind : int, optional
        How many pairs of sequences are drawn of each kind, a kind being how many motifs are shared, unordered and
        ordered; None takes all 1,770.
    average_trials : bool
        Whether metrics see the mean over trials, as the study showed DSA (and not the other metrics).

    Raises
    ------
    DynalignError
        If ``pairs_per_kind`` is below 1.
    """

    pairs_per_kind: int | None = 48
    average_trials: bool = False

    name: ClassVar[str] = "composition"
    title: ClassVar[str] = "Composition"
    about: ClassVar[str] = (
        "Trajectories made of three motifs in sequence. The fewer motifs two of them share, the larger their "
        "dissimilarity should be."
    )

    panels: ClassVar[Sequence[Panel]] = (
        Panel(UNORDERED, "Motifs shared, in any order", "motifs shared", "dissimilarity"),
        Panel(ORDERED, "Motifs shared at the same place", "motifs shared", "dissimilarity"),
    )

    def __post_init__(self) -> None:
        if self.pairs_per_kind is not None and self.pairs_per_kind < 1:
            raise DynalignError(f"pairs_per_kind={self.pairs_per_kind} must be at least 1, or null for all pairs.")

    @property
    def criteria(self) -> Sequence[Criterion]:
        """What metrics are judged by."""
        return _CRITERIA

    def material(self, simulation: Simulation, seed: int) -> Material:
        """Return the sequences and, of each kind, a random choice of pairs."""
        motifs = self._motifs(simulation, seed)
        sequences = list(permutations(motifs, _LENGTH))
        systems = {}
        for sequence in sequences:
            states = to_unit_range(attach([motifs[name] for name in sequence])[:, ::_LENGTH])
            systems[" → ".join(sequence)] = states.mean(axis=0, keepdims=True) if self.average_trials else states
        kinds: dict[tuple[int, int], list[tuple[str, str]]] = {}
        for first, second in combinations(sequences, 2):
            kind = len(set(first) & set(second)), sum(a == b for a, b in zip(first, second, strict=True))
            kinds.setdefault(kind, []).append((" → ".join(first), " → ".join(second)))
        rng = np.random.default_rng((seed, *b"composition"))
        comparisons = []
        for (shared, in_place), pairs in sorted(kinds.items()):
            count = len(pairs) if self.pairs_per_kind is None else min(self.pairs_per_kind, len(pairs))
            for index in rng.permutation(len(pairs))[:count]:
                first_name, second_name = pairs[index]
                for part, level in ((UNORDERED, shared), (ORDERED, in_place)):
                    comparisons.append(
                        Comparison(first_name, second_name, part, float(level), True, first_name, second_name)
                    )
        used = {name for comparison in comparisons for name in (comparison.first, comparison.second)}
        return Material({name: states for name, states in systems.items() if name in used}, comparisons)

    def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
        """Return one criterion; replicates redraw seeds and sequences."""
        chosen = complete(rows, part=ORDERED if criterion == "rho_ordered" else UNORDERED)
        if criterion.startswith("rho"):
            values, missing = values_of(chosen), -chosen["level"].to_numpy(dtype=np.float64)
            return resampled(chosen, lambda weights: statistics.spearman(missing, values, weights))

        def over_shared(weights: Array) -> Array:
            means = means_by_level(chosen, _SHARED, weights)
            if criterion == "linear":
                return statistics.r_squared(_SHARED, means)
            left: Array = np.full(len(means), np.nan)
            np.divide(means[:, -1], means[:, 0], out=left, where=means[:, 0] > 0)
            return 1 - left

        return resampled(chosen, over_shared)

    def curve(self, panel: str, rows: pd.DataFrame) -> Sequence[tuple[float, Estimate]]:
        """Return the mean dissimilarity for every number of motifs shared."""
        return mean_curve(complete(rows, part=panel))

    def _motifs(self, simulation: Simulation, seed: int) -> Mapping[str, States]:
        line, curve = Straight(), Lorenz(r=0.5)
        made = {
            "line": simulation.record(line, seed),
            "curve": simulation.record(curve, seed),
            "spiral 5": simulation.record(Lorenz(r=5), seed),
            "spiral 15": simulation.record(Lorenz(r=15), seed),
        }
        quarter = -(-(simulation.time_steps - 1) // 4) + 1  # one step at each seam is shared
        pieces = [simulation.record(system, seed, time_steps=quarter) for system in (line, curve)]
        path = attach([*pieces, *pieces])[:, : simulation.time_steps]
        return {name: to_unit_range(states) for name, states in {**made, "zigzag": path}.items()}
