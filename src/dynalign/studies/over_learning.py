"""How far are groups from masters while they learn, at the same stage and at the same accuracy? (E5)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from dynalign.inference import crossed
from dynalign.statistics import Array
from dynalign.studies.after_learning import fall
from dynalign.studies.base import Claim, Evidence, Judged, Study, contrast, lacking_geometry, part_of
from dynalign.studies.comparing import MissingError, Pair, require_numbers
from dynalign.studies.population import POOL, Population
from dynalign.studies.published import E5_CURVES, E5_REGRESSIONS, PARTIAL
from dynalign.studies.verdict import Part

FRACTION, ACCURACY, PRETRAINED = "matched fraction", "matched accuracy", "after pretraining"
FRACTIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
GROUPS = ("master_frozen", *PARTIAL, "full")
"""Groups that end with the input weights alone: they differ in their pretraining only."""

ORDER = Claim(
    5,
    "E5",
    "At the end of learning DSA orders groups by the pretraining that they share (0 % > 33 %, 67 % > 100 %); CKA and "
    "Procrustes do not.",
    "DSA (rad) at 100 %: 0.515, 0.408 and 0.428, 0.360; CKA 0.444, 0.463 and 0.473, 0.533",
    "0 % - partial and partial - 100 % of DSA above 0, at the same fraction of training and at the same accuracy "
    "(Holm); the log of 0 % over 100 % is larger by DSA than by CKA and by Procrustes",
)
SLOPE = Claim(
    6,
    "E5",
    "Only DSA rises with the difference in accuracy.",
    "slope on the difference in accuracy: DSA 0.216 rad, CKA -0.075, Procrustes -0.053",
    "slope within seed and master, adjusted for the fraction of training, networks after pretraining alone included: "
    "DSA's above 0, the others' below delta, and DSA's, as a share of its mean, exceeds theirs",
)
_SHARED = (("master_frozen",), PARTIAL, ("full",))
_NAMES = ("0 %", "partial", "100 %")


@dataclass(frozen=True)
class OverLearning(Study):
    """Groups against the pool, checkpoint by checkpoint.

    At fractions of the last phase, against masters at the same fraction of theirs; as trained, against masters at the
    checkpoint nearest in accuracy; and as pretraining left them, against trained masters.
    """

    models: Sequence[str] = ("rnn",)

    name: ClassVar[str] = "over_learning"
    title: ClassVar[str] = "Over learning"
    about: ClassVar[str] = (
        "Groups while they learn the whole task, by how much of it their pretraining has shown them, against masters "
        "at the same stage of learning: does a metric see shared pretraining, and does it say how well a network works?"
    )
    claims: ClassVar[Sequence[Claim]] = (ORDER, SLOPE)

    def pairs(self, population: Population) -> list[Pair]:
        """Return every group's networks against the pool, along their learning."""
        found = []
        for model in self.models:
            pool = population.of(model, POOL)
            for group in (name for name in population.groups(model) if name in GROUPS):
                for member in population.of(model, group):
                    last = population.last(member)
                    accuracy = population.accuracy(last)
                    begun = population.at_fraction(member, 0.0)
                    for other in pool:
                        found += [
                            Pair(
                                population.at_fraction(member, fraction),
                                population.at_fraction(other, fraction),
                                FRACTION,
                                fraction,
                            )
                            for fraction in FRACTIONS
                        ]
                        found.append(Pair(last, population.at_accuracy(other, accuracy), ACCURACY, 1.0))
                        found.append(Pair(begun, population.last(other), PRETRAINED, 0.0))
        return found

    def parts(self, claim: Claim, evidence: Evidence) -> list[Part]:
        """Return the parts of claim 5 or 6, for the first of its models."""
        return self._order(evidence) if claim is ORDER else self._slopes(evidence)

    def _order(self, evidence: Evidence) -> list[Part]:
        parts = []
        for matched in (FRACTION, ACCURACY):
            for place in range(len(_SHARED) - 1):
                farther, nearer = _NAMES[place : place + 2]
                parts.append(
                    part_of(
                        f"{farther} - {nearer}, {matched}",
                        f"How much farther from master networks with {farther} of its pretraining are than those with "
                        f"{nearer}, by DSA, at {matched}.",
                        (0.0, np.inf),
                        partial(self._fall, evidence, place, matched),
                        published=evidence.on_our_scale(_published(place), self.models[0]),
                    )
                )
        for column in evidence.others:
            title = evidence.columns[column].title
            parts.append(
                part_of(
                    f"DSA - {title}",
                    f"By how much the log of 0 % over 100 % is larger by DSA than by {title}, at matched fraction.",
                    (0.0, np.inf),
                    partial(self._difference, evidence, column),
                )
            )
        return [*parts, *lacking_geometry(evidence)]

    def _fall(self, evidence: Evidence, place: int, matched: str) -> Judged:
        groups = _SHARED[place : place + 2]
        return contrast(evidence.design(evidence.dsa, self.models[0], groups, part=matched, x=1.0), fall)

    def _difference(self, evidence: Evidence, column: str) -> Judged:
        ends = (_SHARED[0], _SHARED[-1])
        both = [evidence.design(name, self.models[0], ends, part=FRACTION, x=1.0) for name in (evidence.dsa, column)]
        return contrast(np.concatenate(both), lambda means: _log_fall(means[:, :2]) - _log_fall(means[:, 2:]))

    def _slopes(self, evidence: Evidence) -> list[Part]:
        dsa = part_of(
            "slope of DSA",
            "How much DSA to master rises with the difference in accuracy.",
            (0.0, np.inf),
            partial(self._slope, evidence),
            published=evidence.on_our_scale(E5_REGRESSIONS["dsa"].slope, self.models[0]),
        )
        parts = [dsa]
        for column in evidence.others:
            title = evidence.columns[column].title
            parts += [
                part_of(
                    f"slope of {title}",
                    f"How much {title} to master rises with the difference in accuracy.",
                    (-np.inf, evidence.marks.delta),
                    partial(self._bounded, evidence, column),
                ),
                part_of(
                    f"DSA - {title}",
                    f"By how much the slope of DSA exceeds that of {title}, each as a share of its mean dissimilarity.",
                    (0.0, np.inf),
                    partial(self._beyond, evidence, column),
                ),
            ]
        return [*parts, *lacking_geometry(evidence)]

    def _slope(self, evidence: Evidence) -> Judged:
        return contrast(self.slopes(evidence.rows, evidence.dsa)[None], lambda means: means[:, 0])

    def _beyond(self, evidence: Evidence, column: str) -> Judged:
        tables = []
        for name in (evidence.dsa, column):
            mean = float(self._rows(evidence.rows, name)["dissimilarity"].mean())
            tables.append(self.slopes(evidence.rows, name) / mean)
        return contrast(np.stack(tables), fall)

    def _bounded(self, evidence: Evidence, column: str) -> Judged:
        return crossed(lambda means: means[:, 0], self.slopes(evidence.rows, column)), None

    def slopes(self, rows: pd.DataFrame, column: str) -> Array:
        """Return the slope of dissimilarity on the difference in accuracy, shape (seeds, pool).

        Within one seed and one master: least squares over groups and checkpoints, with the fraction of training as a
        second regressor, so that what merely goes on while both change does not count.

        Raises
        ------
        MissingError
            If a number is missing, or accuracies do not differ.
        """
        here = self._rows(rows, column)
        here = here.assign(gap=(here["accuracy"] - here["other_accuracy"]).abs())
        found = {key: _slope_of(cell) for key, cell in here.groupby(["seed", "other_seed"])}
        table = pd.Series(found).unstack()
        if table.isna().any().any():
            raise MissingError("accuracies do not differ, or not all seeds were compared with the whole pool")
        values: Array = table.to_numpy(dtype=np.float64)
        return values

    def _rows(self, rows: pd.DataFrame, column: str) -> pd.DataFrame:
        here = rows[(rows["column"] == column) & (rows["model"] == self.models[0])]
        here = here[here["part"].isin([FRACTION, PRETRAINED]) & here["group"].isin(GROUPS)]
        require_numbers(here, "nothing was compared over learning")
        return here


def _log_fall(means: Array) -> Array:
    return fall(np.log(means))


def _slope_of(cell: pd.DataFrame) -> float:
    regressors = np.column_stack([np.ones(len(cell)), cell["gap"], cell["x"]]).astype(np.float64)
    if np.linalg.matrix_rank(regressors) < regressors.shape[1]:
        return float("nan")
    return float(np.linalg.lstsq(regressors, cell["dissimilarity"].to_numpy(dtype=np.float64))[0][1])


def _published(place: int) -> float:
    curves = E5_CURVES["dsa"].values
    ends = [float(curves["0"][-1]), float(curves["33"][-1] + curves["67"][-1]) / 2, float(curves["100"][-1])]
    return ends[place] - ends[place + 1]
