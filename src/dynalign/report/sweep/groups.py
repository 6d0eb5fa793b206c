"""Networks that differ in nothing but their seeds, as one group: means over them, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from dynalign.report.parts.matrix import Matrix
from dynalign.report.sweep.factors import is_seed, named, spelt
from dynalign.report.sweep.table import pairwise_matrix

_TAIL = 0.975  # of an interval of 95 %
_LEAST = 3  # networks of which there is an interval


class Group(NamedTuple):
    """Networks that differ in their seeds alone: what they share, and the names of their runs."""

    name: str
    levels: Mapping[str, str]
    runs: Sequence[str]


class Mean(NamedTuple):
    """A mean with its interval of 95 %; NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan


def groups(runs: pd.DataFrame, factors: Sequence[str]) -> list[Group]:
    """Return the groups of a sweep, in the order of the runs.

    Parameters
    ----------
    runs : DataFrame
        A row per run.
    factors : sequence of str
        Those that vary; all but seeds tell groups apart.
    """
    telling = [name for name in factors if name in runs and not is_seed(name)]
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    for row in runs.to_dict("records"):
        name = " ".join(named(factor, row[factor]) for factor in telling) or "all networks"
        levels = {factor: spelt(row[factor]) for factor in telling}
        found.setdefault(name, (levels, []))[1].append(str(row["run"]))
    return [Group(name, levels, members) for name, (levels, members) in found.items()]


def seeded(found: Sequence[Group]) -> bool:
    """Whether any group has several networks, so that there is a mean over seeds to tell of."""
    return any(len(group.runs) > 1 for group in found)


def first_of_groups(runs: pd.DataFrame, factors: Sequence[str], most: int) -> list[str]:
    """Return at most so many runs, in the order of the table: the first of every group, then the second, and so on."""
    if not len(runs):
        return []
    members = [group.runs for group in groups(runs, factors)]
    turns = [run for turn in range(max(map(len, members))) for mine in members for run in mine[turn : turn + 1]]
    chosen = set(turns[:most])
    return [str(run) for run in runs["run"] if str(run) in chosen]


def mean(values: npt.ArrayLike) -> Mean:
    """Return the mean of what is known, with Student's interval from three values on.

    Of two there would be one as well, but it reaches so far that it says nothing.
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not known.size:
        return Mean(math.nan)
    value = float(known.mean())
    if known.size < _LEAST:
        return Mean(value)
    reach = float(stdtrit(known.size - 1, _TAIL)) * float(known.std(ddof=1)) / math.sqrt(known.size)
    return Mean(value, value - reach, value + reach)


def mean_within(matrix: Matrix) -> Mean:
    """Return the mean over pairs of different networks of a group, shape (networks, networks).

    The pairs share networks, so the interval is Student's by the jackknife over networks, from three of them on.
    """
    count = len(matrix)
    if count < 2:
        return Mean(math.nan)
    upper = np.triu_indices(count, 1)
    value = float(np.nanmean(matrix[upper])) if np.isfinite(matrix[upper]).any() else math.nan
    if count < _LEAST or not np.isfinite(matrix[upper]).all():
        return Mean(value)
    sums, total = np.where(np.eye(count, dtype=bool), 0.0, matrix).sum(axis=1), float(matrix[upper].sum())
    left_out = (total - sums) / (len(upper[0]) - (count - 1))
    return _with_reach(value, _spread(left_out), count - 1)


def mean_between(block: Matrix) -> Mean:
    """Return the mean over pairs of networks of two groups, shape (networks, networks).

    The interval is Student's by the jackknife over the networks of either group, from three in each on.
    """
    value = float(np.nanmean(block)) if np.isfinite(block).any() else math.nan
    if min(block.shape) < _LEAST or not np.isfinite(block).all():
        return Mean(value)
    total = float(block.sum())
    variance = 0.0
    for axis, count in ((1, block.shape[0]), (0, block.shape[1])):
        variance += _spread((total - block.sum(axis=axis)) / (block.size - block.size / count))
    return _with_reach(value, variance, min(block.shape) - 1)


class GroupMatrix(NamedTuple):
    """Means of all groups with all, and their intervals; within a group, of different networks.

    ``counts`` is how many pairs of networks are behind each.
    """

    names: Sequence[str]
    values: Matrix
    low: Matrix
    high: Matrix
    counts: npt.NDArray[np.int64]


def group_matrix(table: pd.DataFrame, metric: str, found: Sequence[Group]) -> GroupMatrix:
    """Return the mean dissimilarities of groups that a metric compared with each other."""
    names, matrix = pairwise_matrix(table, metric)
    place = {name: index for index, name in enumerate(names)}
    members = [(group.name, [place[run] for run in group.runs if run in place]) for group in found]
    members = [(name, places) for name, places in members if places]
    count = len(members)
    values, low, high = (np.full((count, count), np.nan) for _ in range(3))
    counts = np.zeros((count, count), dtype=np.int64)
    for i, (_, mine) in enumerate(members):
        for j, (_, theirs) in enumerate(members[: i + 1]):
            block = matrix[np.ix_(mine, theirs)]
            told = mean_within(block) if i == j else mean_between(block)
            pairs = len(mine) * (len(mine) - 1) // 2 if i == j else block.size
            for a, b in ((i, j), (j, i)):
                (values[a, b], low[a, b], high[a, b]), counts[a, b] = told, pairs
    return GroupMatrix([name for name, _ in members], values, low, high, counts)


def between_seeds(table: pd.DataFrame, metric: str, found: Sequence[Group]) -> Mean:
    """Return the mean dissimilarity of two trained networks that differ in their seeds alone, over all groups."""
    matrix = group_matrix(table, metric, found)
    own = np.diag(matrix.values)
    own = own[np.isfinite(own)]
    return Mean(float(own.mean())) if own.size else Mean(math.nan)


def _spread(left_out: npt.NDArray[np.float64]) -> float:
    """Return the jackknife's variance of a mean from the means that leave out one each."""
    count = len(left_out)
    return float((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())


def _with_reach(value: float, variance: float, freedom: int) -> Mean:
    reach = float(stdtrit(freedom, _TAIL)) * math.sqrt(variance)
    return Mean(value, value - reach, value + reach)
