"""What a test case is: systems whose relations are known, and what a metric is asked to make of them."""

from __future__ import annotations

import abc
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dynalign.metrics import Driven
from dynalign.statistics import Array, Estimate, Statistic, bootstrap_weights, estimate, mean
from dynalign.testcases.simulation import Simulation

States = npt.NDArray[np.float64]
System = States | Driven


class Comparison(NamedTuple):
    """Two systems to compare, and what is known of them beforehand.

    Attributes
    ----------
    first, second : str
        Names of the systems.
    part : str
        Which question of the test case this belongs to.
    level : float
        What is varied in that question: a noise level, an epoch, a number of shared motifs; else 0.
    different : bool
        Whether the two are meant to be different.
    a, b : str
        The independent things that the two stand for, which a bootstrap draws.
    """

    first: str
    second: str
    part: str
    level: float
    different: bool
    a: str
    b: str


class Material(NamedTuple):
    """The systems of a test case, by name, and what is to be compared.

    A system that is ``Driven`` shows its inputs to metrics that need them, and its states to all others.
    """

    systems: Mapping[str, System]
    comparisons: Sequence[Comparison]


@dataclass(frozen=True)
class Criterion:
    """What a metric is judged by: one number.

    Attributes
    ----------
    name : str
        In tables, unique within its test case.
    title : str
        Above a column.
    better : {"higher", "lower"}
        Which way is better.
    about : str
        What it is, in one sentence.
    headline : bool
        Whether it stands for its test case when metrics are ordered.
    least, most : float
        Values beyond these are shown as "below" and "above": the range that was tested.
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    about: str
    headline: bool = False
    least: float = -np.inf
    most: float = np.inf


@dataclass(frozen=True)
class Panel:
    """A figure of a test case in which every metric is a curve.

    Attributes
    ----------
    name : str
        Unique within its test case.
    title, x, y : str
        Above it and at its axes.
    log : bool
        Whether x is logarithmic.
    line : float, optional
        A height to mark.
    """

    name: str
    title: str
    x: str
    y: str
    log: bool = False
    line: float | None = None


class LostError(Exception):
    """A criterion that cannot be had, with the reason."""


class TestCase(abc.ABC):
    """A test of metrics; configure it, let it make its material, then let it score what a metric measured.

    A subclass is a frozen dataclass and fills in the class variables, ``criteria``, ``material``
    and ``judge``.
    """

    __test__: ClassVar[bool] = False  # a test of metrics, not one for pytest to collect

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    panels: ClassVar[Sequence[Panel]] = ()
    matrices: ClassVar[Sequence[str]] = ()
    """Parts in which all systems are compared with all, so that they can be drawn as a matrix."""
    has_inputs: ClassVar[bool] = False
    """Whether its systems are ``Driven``, so that metrics that need inputs can be put to it."""

    @property
    @abc.abstractmethod
    def criteria(self) -> Sequence[Criterion]:
        """What metrics are judged by, at least one of them a headline."""

    @abc.abstractmethod
    def material(self, simulation: Simulation, seed: int) -> Material:
        """Return the systems and comparisons of one seed."""

    @abc.abstractmethod
    def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
        """Return one criterion.

        Parameters
        ----------
        rows : DataFrame
            What one metric measured, of all seeds: the columns of ``Comparison``, and ``seed``, ``dissimilarity``
            and ``reason``.

        Raises
        ------
        LostError
            If a number that it needs is missing.
        """

    def curve(self, panel: str, rows: pd.DataFrame) -> Sequence[tuple[float, Estimate]]:  # noqa: ARG002
        """Return one metric's curve in a panel: pairs of x and what is drawn there.

        Raises
        ------
        LostError
            If a number that it needs is missing, or there is no such panel.
        """
        raise LostError(f"{self.name} has no panel {panel}")


def complete(rows: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Return the rows in which every column named equals its value.

    Raises
    ------
    LostError
        If there are none, or a dissimilarity is missing, with the reason that the first missing one gives.
    """
    mask = np.ones(len(rows), dtype=bool)
    for column, value in where.items():
        mask &= (rows[column] == value).to_numpy()
    chosen = rows[mask]
    if not len(chosen):
        raise LostError("nothing was measured")
    missing = chosen[chosen["dissimilarity"].isna()]
    if len(missing):
        raise LostError(str(missing["reason"].iloc[0]))
    return chosen


def values_of(rows: pd.DataFrame) -> Array:
    """Return the dissimilarities of rows."""
    return rows["dissimilarity"].to_numpy(dtype=np.float64)


def resampled(
    rows: pd.DataFrame, statistic: Statistic, *, strata: Mapping[Hashable, Hashable] | None = None
) -> Estimate:
    """Return a statistic of rows with replicates in which seeds, and the systems that rows stand for, are redrawn."""
    seeds = rows["seed"].tolist()
    return estimate(statistic, bootstrap_weights([[seeds], [rows["a"].tolist(), rows["b"].tolist()]], strata=strata))


def levels_of(rows: pd.DataFrame) -> Array:
    """Return the different levels of rows, rising."""
    levels: Array = np.unique(rows["level"].to_numpy(dtype=np.float64))
    return levels


def means_by_level(rows: pd.DataFrame, levels: Array, weights: Array) -> Array:
    """Return the weighted mean dissimilarity at each level, shape (replicates, levels)."""
    values = values_of(rows)
    at = [(rows["level"] == level).to_numpy() for level in levels]
    return np.stack([mean(values[here], weights[:, here]) for here in at], axis=1)


def mean_curve(rows: pd.DataFrame) -> list[tuple[float, Estimate]]:
    """Return the mean dissimilarity at every level."""
    points = []
    for level in levels_of(rows):
        here = rows[rows["level"] == level]
        points.append((float(level), resampled(here, partial(mean, values_of(here)))))
    return points
