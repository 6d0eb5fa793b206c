"""How much does a network change while it learns? Every checkpoint of it with every other (E6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

from dynalign.studies.base import Study
from dynalign.studies.comparing import Pair
from dynalign.studies.over_learning import FRACTIONS
from dynalign.studies.population import Population

WITHIN, SPEED = "within", "speed"


@dataclass(frozen=True)
class WithinLearning(Study):
    """Networks against themselves, at fractions of the steps of their last phase of training."""

    models: Sequence[str] = ("rnn", "gru", "mamba")

    name: ClassVar[str] = "within_learning"
    title: ClassVar[str] = "Within learning"
    about: ClassVar[str] = (
        "How far a network moves while it learns the whole task, and when. The study has the method and no figures."
    )

    def pairs(self, population: Population) -> list[Pair]:
        """Return the pairs of checkpoints of each network; ``x`` is the later fraction."""
        found = []
        for model in self.models:
            for group in (name for name in population.groups(model) if name != "untrained"):
                for member in population.of(model, group):
                    looks = [population.at_fraction(member, fraction) for fraction in FRACTIONS]
                    found += [
                        Pair(looks[first], looks[second], f"{WITHIN} {FRACTIONS[first]:g}", FRACTIONS[second])
                        for first, second in combinations(range(len(FRACTIONS)), 2)
                    ]
        return found
