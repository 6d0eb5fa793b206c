"""How alike are groups after learning? Every group with every other, and with the pool of masters (E4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import ClassVar

import numpy as np

from dynalign.inference import crossed
from dynalign.statistics import Array
from dynalign.studies.base import Claim, Evidence, Judged, Study, contrast, lacking_geometry, part_of
from dynalign.studies.comparing import CONTROL, CONTROLS, SPLIT, TRAINED, Pair
from dynalign.studies.population import POOL, Look, Population
from dynalign.studies.published import E4_TO_MASTER, PARTIAL
from dynalign.studies.verdict import Part

ORDER = Claim(
    4,
    "E4",
    "DSA to master falls with shared pretraining: untrained > master & frozen > partial > full; CKA and Procrustes do "
    "not tell the groups apart.",
    "DSA (rad): untrained 0.607, master & frozen 0.427, partial 0.324, full 0.271; CKA 0.395 to 0.426, Procrustes "
    "0.404 to 0.444",
    "untrained - frozen, frozen - partial, partial - full of DSA each above 0 (Holm); the range of the group means of "
    "CKA and of Procrustes within 0.06",
)
_GROUPS = (("untrained",), ("master_frozen",), PARTIAL, ("full",))
_NAMES = ("untrained", "master & frozen", "partial", "full")


@dataclass(frozen=True)
class AfterLearning(Study):
    """Trained networks of one model, all with all, beside their floors and controls.

    The floors: each network of the pool against itself on other probe trials (split half), and against the others of
    the pool. The controls: masters whose recurrence is off, shuffled, or as it was before training.
    """

    models: Sequence[str] = ("rnn", "gru")

    name: ClassVar[str] = "after_learning"
    title: ClassVar[str] = "After learning"
    about: ClassVar[str] = (
        "Groups that were pretrained on none, some or all parts of a task, and then trained on the whole of it: how "
        "far are they from masters, which met the whole task only, and from each other?"
    )
    claims: ClassVar[Sequence[Claim]] = (ORDER,)

    def pairs(self, population: Population) -> list[Pair]:
        """Return all pairs of trained networks of each model, and those of floors and controls."""
        found = []
        for model in self.models:
            mine = [member for member in population.runs if member.model == model]
            pool = population.of(model, POOL)
            # The pool comes second, so that a group's table is one of its networks x the pool.
            looks = [population.last(member) for member in sorted(mine, key=lambda member: member.group == POOL)]
            found += [Pair(first, second, TRAINED) for first, second in combinations(looks, 2)]
            for member in (*pool, *population.of(model, "master")):
                last = population.last(member)
                found.append(Pair(last, last._replace(probe=1), SPLIT))
            for member in population.of(model, "master"):
                changed = [Look(member, population.last(member).epoch, control=control) for control in CONTROLS]
                found += [Pair(look, population.last(other), CONTROL) for look in changed for other in pool]
        return found

    def parts(self, claim: Claim, evidence: Evidence) -> list[Part]:  # noqa: ARG002
        """Return the contrasts of DSA and the ranges of the others, for the first of its models."""
        parts = []
        for place in range(len(_GROUPS) - 1):
            farther, nearer = _NAMES[place : place + 2]
            parts.append(
                part_of(
                    f"{farther} - {nearer}",
                    f"How much farther from master {farther} networks are than {nearer} ones, by DSA.",
                    (0.0, np.inf),
                    partial(self._fall, evidence, place),
                    published=evidence.on_our_scale(_published(place), self.models[0]),
                )
            )
        for column in evidence.others:
            title = evidence.columns[column].title
            parts.append(
                part_of(
                    f"range of {title}",
                    f"The range of the groups' mean {title} to master.",
                    (-np.inf, evidence.marks.flat),
                    partial(self._range, evidence, column),
                )
            )
        return [*parts, *lacking_geometry(evidence)]

    def _fall(self, evidence: Evidence, place: int) -> Judged:
        groups = _GROUPS[place : place + 2]
        return contrast(evidence.design(evidence.dsa, self.models[0], groups, part=TRAINED), fall)

    def _range(self, evidence: Evidence, column: str) -> Judged:
        return crossed(_spread, evidence.design(column, self.models[0], _GROUPS, part=TRAINED)), None


def fall(means: Array) -> Array:
    """Return by how much the second of two means (n, 2) is smaller."""
    return means[:, 0] - means[:, 1]


def _spread(means: Array) -> Array:
    spread: Array = means.max(axis=1) - means.min(axis=1)
    return spread


def _published(place: int) -> float:
    values = E4_TO_MASTER["dsa"].values
    keys = ("untrained", "master_frozen", "partial", "full")
    return values[keys[place]].value - values[keys[place + 1]].value
