"""How alike are networks of different architectures? (E8)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import ClassVar

from dynalign.studies.base import Study
from dynalign.studies.comparing import Pair
from dynalign.studies.population import POOL, Population

ACROSS = "across models"


@dataclass(frozen=True)
class RnnVsMamba(Study):
    """Trained networks of each model against those of each other, group by group.

    Rows are the groups of one model and columns those of the other: the matrix has no symmetry, and is left so.
    """

    models: Sequence[str] = ("rnn", "mamba", "gru")

    name: ClassVar[str] = "rnn_vs_mamba"
    title: ClassVar[str] = "Across architectures"
    about: ClassVar[str] = (
        "The same groups in different architectures, with the same trials: does it matter more what a network has "
        "learned, or what it is made of? The study draws no claim from its few pairs."
    )

    def pairs(self, population: Population) -> list[Pair]:
        """Return all pairs of networks of different models, in groups that both have, on the seeds that both have."""
        found = []
        for one, two in combinations(self.models, 2):
            groups = [name for name in population.groups(one) if name in population.groups(two)]
            for first, second in product(groups, groups):
                found += [
                    Pair(population.last(a), population.last(b), ACROSS)
                    for a, b in product(population.of(one, first), population.of(two, second))
                    if POOL not in (a.group, b.group)
                ]
        return found
