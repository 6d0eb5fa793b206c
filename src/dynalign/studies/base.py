"""What a study is: networks, what is compared among them, and the parts of published claims that it judges."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from dynalign.errors import DynalignError
from dynalign.inference import OfMeans, crossed, sign_flip
from dynalign.statistics import Array, Estimate
from dynalign.studies.comparing import TRAINED, Column, MissingError, Pair, to_pool
from dynalign.studies.population import Population
from dynalign.studies.published import E4_TO_MASTER
from dynalign.studies.verdict import Part


@dataclass(frozen=True)
class Claim:
    """A published claim.

    Attributes
    ----------
    number : int
    experiment : str
        Such as ``E4``.
    text : str
        What is claimed, in one sentence.
    published : str
        The figures that it rests on, in a few words.
    criterion : str
        When it counts as reproduced.
    """

    number: int
    experiment: str
    text: str
    published: str
    criterion: str


@dataclass(frozen=True)
class Marks:
    """Thresholds of the verdicts, fixed before there are numbers.

    Parameters
    ----------
    ratio : float
        Claim 1: the least ratio of dissimilarities between and within families.
    fall : float
        Claim 3: how many times as far DSA falls.
    flat : float
        Claim 4: the range of group means within which a metric counts as flat.
    delta : float
        Claim 6: the slope on the difference in accuracy up to which a metric counts as not rising.
    farther : float
        Claim 7: the share by which untrained networks may be farther away than pretrained ones and count as no farther.
    """

    ratio: float = 1.8
    fall: float = 3.0
    flat: float = 0.06
    delta: float = 0.05
    farther: float = 0.1


@dataclass(frozen=True)
class Study(abc.ABC):
    """A question asked of groups of networks; configure it, let it name its pairs, then let it judge what came of them.

    A subclass is a frozen dataclass and fills in the class variables, ``pairs`` and ``parts``.

    Parameters
    ----------
    models : sequence of str
        Models of which it is asked, by their names in the config.
    """

    models: Sequence[str] = ("rnn",)

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    claims: ClassVar[Sequence[Claim]] = ()

    @abc.abstractmethod
    def pairs(self, population: Population) -> list[Pair]:
        """Return what is to be compared."""

    def parts(self, claim: Claim, evidence: Evidence) -> list[Part]:  # noqa: ARG002
        """Return the parts of one of its claims, with their numbers."""
        return []


@dataclass(frozen=True)
class Evidence:
    """What was measured, and how it is to be judged.

    Attributes
    ----------
    rows : DataFrame
        See ``compare``.
    columns : mapping of name to Column
    dsa : str
        Name of the column of DSA that is judged.
    marks : Marks
    population : Population
    """

    rows: pd.DataFrame
    columns: Mapping[str, Column]
    dsa: str
    marks: Marks
    population: Population

    @property
    def others(self) -> list[str]:
        """Names of the columns of metrics of geometry."""
        return [name for name, column in self.columns.items() if column.metric.compares == "geometry"]

    def on_our_scale(self, effect: float, model: str) -> float:
        """Return a published difference of DSA, in radians, on the scale of the column that is judged.

        DSA's numbers depend on its delays and rank, so an effect counts as a share of the distance of untrained
        networks to master; where there are none of these, angles are taken as they are.
        """
        try:
            untrained = float(self.design(self.dsa, model, (("untrained",),), part=TRAINED).mean())
        except MissingError:
            return effect if self.columns[self.dsa].metric.unit == "rad" else effect * 2 / np.pi
        return effect * untrained / E4_TO_MASTER["dsa"].values["untrained"].value

    def design(self, column: str, model: str, groups: Sequence[Sequence[str]], **where: Any) -> Array:
        """Return tables (len(groups), seeds, pool) of the mean over the groups of each set, on the seeds of all.

        Raises
        ------
        MissingError
            If a set has no groups with networks, there are no seeds in common, or a number is missing.
        """
        there = set(self.population.groups(model))
        found = []
        for names in groups:
            known = [name for name in names if name in there]
            if not known:
                raise MissingError(f"there are no networks of {' or '.join(names)} of {model}")
            found.append([to_pool(self.rows, column, model, name, **where) for name in known])
        seeds = sorted(set.intersection(*(set(table.seeds) for tables in found for table in tables)))
        if len(seeds) < 2:
            raise MissingError("fewer than two seeds have all groups")
        return np.stack(
            [
                np.mean([table.values[[table.seeds.index(seed) for seed in seeds]] for table in tables], axis=0)
                for tables in found
            ]
        )


Judged = tuple[Estimate, float | None]
"""A number and, where it was tested, its p-value."""


def part_of(
    name: str,
    about: str,
    region: tuple[float, float],
    compute: Callable[[], Judged],
    *,
    published: float | None = None,
) -> Part:
    """Return a part of a claim; one whose number cannot be had says why."""
    try:
        estimate, p = compute()
    except DynalignError as error:
        return Part(name, about, region, None, published=published, missing=str(error).rstrip("."))
    return Part(name, about, region, estimate, p, published)


def lacking_geometry(evidence: Evidence) -> list[Part]:
    """Return a part that says so where no metric of geometry was measured, without which no such claim is judged."""
    if evidence.others:
        return []
    about = "What the claim says of CKA and Procrustes."
    return [Part("other metrics", about, (-np.inf, 0.0), None, missing="the protocol has no column of geometry")]


def contrast(design: Array, statistic: OfMeans) -> Judged:
    """Return a linear contrast of the means of tables (tables, seeds, pool), and the p-value of its being above 0.

    The p-value flips signs of the contrasts of single seeds, each a mean over the pool.
    """
    return crossed(statistic, design), sign_flip(statistic(design.mean(axis=2).T), alternative="greater")
