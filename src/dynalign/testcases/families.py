"""Does a metric find systems of one family alike, and systems of different families different? (E1)"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import ClassVar

import pandas as pd

from dynalign import statistics
from dynalign.attractors import members
from dynalign.statistics import Estimate
from dynalign.testcases.base import Comparison, Criterion, Material, TestCase, complete, resampled, values_of
from dynalign.testcases.simulation import Simulation

MATCHED, FRESH = "matched starts", "fresh starts"


_CRITERIA = (
    Criterion(
        "auc",
        "families AUC",
        "higher",
        "Probability that a pair of different families is farther apart than a pair of one family; 0.5 is chance.",
        headline=True,
    ),
    Criterion(
        "ratio",
        "between / within",
        "higher",
        "Mean dissimilarity between families over the mean within them; 1 is no difference.",
    ),
    Criterion(
        "auc_fresh",
        "AUC, fresh starts",
        "higher",
        "The same AUC where no two systems share a trial.",
    ),
    Criterion(
        "ratio_fresh",
        "between / within, fresh starts",
        "higher",
        "The same ratio where no two systems share a trial.",
    ),
)


@dataclass(frozen=True)
class Families(TestCase):
    """All systems of the simulation's families against all, once with matched and once with fresh starts.

    With matched starts, trial k sets out from the same point in every system, so that metrics that compare row by
    row have a chance. With fresh starts no two systems share a trial, as in the study (and between two recordings).
    """

    name: ClassVar[str] = "families"
    title: ClassVar[str] = "Families of dynamics"
    about: ClassVar[str] = (
        "Systems of one family differ in a parameter, those of different families in what they do: fixed points, limit "
        "cycles, continuous attractors, chaos. Dissimilarities should be small within and large between families."
    )

    matrices: ClassVar[Sequence[str]] = (MATCHED, FRESH)

    @property
    def criteria(self) -> Sequence[Criterion]:
        """What metrics are judged by."""
        return _CRITERIA

    def material(self, simulation: Simulation, seed: int) -> Material:
        """Return every system under both kinds of starts, and all unordered pairs, each with itself included."""
        known = members(simulation.families)
        systems, comparisons = {}, []
        for part in (MATCHED, FRESH):
            for _, system in known:
                systems[f"{system.label}, {part}"] = simulation.record(system, seed, matched=part == MATCHED)
            for (family, first), (other, second) in combinations_with_replacement(known, 2):
                comparisons.append(
                    Comparison(
                        f"{first.label}, {part}",
                        f"{second.label}, {part}",
                        part,
                        0.0,
                        family != other,
                        first.label,
                        second.label,
                    )
                )
        return Material(systems, comparisons)

    def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
        """Return an AUC or a ratio; replicates redraw seeds, and systems within their families."""
        kind, _, fresh = criterion.partition("_")
        apart = complete(rows, part=FRESH if fresh else MATCHED)
        apart = apart[apart["a"] != apart["b"]]
        values, different = values_of(apart), apart["different"].to_numpy(dtype=bool)
        statistic = statistics.auc if kind == "auc" else statistics.ratio_of_means
        return resampled(apart, lambda weights: statistic(values, different, weights), strata=family_of(apart))


def family_of(rows: pd.DataFrame) -> dict[Hashable, Hashable]:
    """Return the family of every system in rows: systems that are not different from each other."""
    family = {name: name for column in ("a", "b") for name in rows[column]}
    for a, b in rows.loc[~rows["different"], ["a", "b"]].itertuples(index=False):
        mine, theirs = family[a], family[b]
        family = {name: mine if of == theirs else of for name, of in family.items()}
    return family
