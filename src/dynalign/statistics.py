"""How sure is a number? Estimates with bootstrap intervals, and the statistics that dissimilarities are judged by.

A bootstrap replicate is a vector of weights, how often each observation was drawn, so that one formula in weights
serves the number itself (all weights 1) and all replicates at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Statistic = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number and its bootstrap replicates, shape (draws,); replicates that are undefined are NaN."""

    value: float
    draws: Array

    @property
    def low(self) -> float:
        """The lower end of the 95 % interval."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """The upper end of the 95 % interval."""
        return self.interval()[1]

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of the interval at a level of confidence, such as 0.95; NaN where no replicate is known."""
        return self.percentile(level)

    def percentile(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of the percentile interval (Efron & Tibshirani 1993, section 13.3)."""
        known = self.draws[~np.isnan(self.draws)]
        if not known.size:
            return float("nan"), float("nan")
        tail = 50 * (1 - level)  # per cent, on either side
        # Only replicates themselves are returned: some are infinite, and nothing lies halfway to infinity.
        low, high = np.percentile(known, [tail, 100 - tail], method="nearest")
        return float(low), float(high)

    def __sub__(self, other: Estimate) -> Estimate:
        """Return the difference, replicate by replicate: paired, if both come from the same weights.

        Two that are equally infinite differ by 0.
        """
        both = [np.append(each.value, each.draws) for each in (self, other)]
        with np.errstate(invalid="ignore"):  # infinite less infinite
            gaps = np.where(both[0] == both[1], 0.0, both[0] - both[1])
        return Estimate(float(gaps[0]), gaps[1:])


def estimate(statistic: Statistic, weights: Array) -> Estimate:
    """Return a statistic and its bootstrap replicates; ``weights`` is what ``bootstrap_weights`` returns."""
    values = statistic(weights)
    return Estimate(float(values[0]), values[1:])


def bootstrap_weights(
    factors: Sequence[Sequence[Sequence[Hashable]]],
    *,
    strata: Mapping[Hashable, Hashable] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Array:
    """Return weights of observations that are crossed by several random factors, such as seeds and systems.

    The levels of every factor are drawn with replacement, independently of the other factors, and an observation
    weighs the product of how often its levels were drawn (Owen 2007, "The pigeonhole bootstrap"). An observation on
    a pair of levels of one factor, such as the dissimilarity of two systems, weighs the product of both; one on the
    pair of a level with itself weighs as often as that level was drawn.

    Parameters
    ----------
    factors : sequence of sequences of columns
        For each factor the one or two columns, each of length n, that hold its levels.
    strata : mapping of level to group, optional
        Levels are drawn within groups, whose sizes stay as they are; without it, all of a factor together.
    draws : int
        Replicates.
    seed : int

    Returns
    -------
    array, shape (1 + draws, n)
        The first row is 1: the observations as they are.

    Raises
    ------
    DynalignError
        If there are no observations, or columns of different lengths.
    """
    lengths = {len(column) for columns in factors for column in columns}
    if len(lengths) != 1 or 0 in lengths:
        raise DynalignError(f"A bootstrap needs columns of one length above 0, not of {sorted(lengths)}.")
    rng = np.random.default_rng(seed)
    weights = np.ones((1 + draws, lengths.pop()))
    for columns in factors:
        levels = sorted({level for column in columns for level in column}, key=repr)
        place = {level: index for index, level in enumerate(levels)}
        groups: dict[Any, list[int]] = {}
        for level in levels:
            groups.setdefault(strata.get(level) if strata is not None else None, []).append(place[level])
        counts = np.zeros((draws, len(levels)))
        for members in groups.values():
            counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
        places = [np.array([place[level] for level in column]) for column in columns]
        weights[1:] *= counts[:, places[0]]
        for other in places[1:]:
            weights[1:] *= np.where(other == places[0], 1.0, counts[:, other])
    return weights


def mean(values: Array, weights: Array) -> Array:
    """Return weighted means of ``values`` (n,), one per row of ``weights`` (m, n); NaN where all weights are 0."""
    return _divide(weights @ values, weights.sum(axis=1))


def ratio_of_means(values: Array, above: Mask, weights: Array) -> Array:
    """Return the weighted mean of the values marked ``above`` (n,) over that of the others, one per row of weights.

    Infinite where only the others are 0; NaN where both are, or one side has no weight.
    """
    top, bottom = mean(values[above], weights[:, above]), mean(values[~above], weights[:, ~above])
    ratio = np.where((top > 0) & (bottom == 0), np.inf, np.nan)
    np.divide(top, bottom, out=ratio, where=bottom > 0)
    return ratio


def auc(values: Array, larger: Mask, weights: Array) -> Array:
    """Return the weighted area under the ROC curve, one per row of ``weights`` (m, n).

    The probability that a value of those marked ``larger`` (n,) exceeds one of the others, ties counted half (Mann &
    Whitney 1947). 0.5 is chance. NaN where one side has no weight.
    """
    smaller = ~larger
    low, high = values[smaller], values[larger]
    wins = (low[:, None] < high).astype(np.float64)
    wins[low[:, None] == high] = 0.5
    of_low, of_high = weights[:, smaller], weights[:, larger]
    return _divide(np.einsum("ml,ml->m", of_low @ wins, of_high), of_low.sum(axis=1) * of_high.sum(axis=1))


def spearman(x: Array, y: Array, weights: Array) -> Array:
    """Return weighted rank correlations of ``x`` and ``y`` (n,), one per row of ``weights`` (m, n); ties share ranks.

    With whole weights, the same as Spearman's rho of a sample in which each observation is repeated so often. NaN
    where one of them does not vary.
    """
    first, second = _ranks(x, weights), _ranks(y, weights)
    first = first - _divide((weights * first).sum(axis=1), weights.sum(axis=1))[:, None]
    second = second - _divide((weights * second).sum(axis=1), weights.sum(axis=1))[:, None]
    norms = np.sqrt((weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1))
    return _divide((weights * first * second).sum(axis=1), norms)


def r_squared(x: Array, means: Array) -> Array:
    """Return the share of variance that a line through ``means`` (m, k) over ``x`` (k,) explains, one per row.

    NaN where the means do not differ by more than rounding errors.
    """
    centred = x - x.mean()
    residual = means - means.mean(axis=1, keepdims=True)
    rounding = 1e-12 * np.abs(means).max(axis=1, keepdims=True)
    residual[(np.abs(residual) <= rounding).all(axis=1)] = 0.0
    return _divide((residual @ centred) ** 2, (centred**2).sum() * (residual**2).sum(axis=1))


def _ranks(values: Array, weights: Array) -> Array:
    """Return weighted mid-ranks (m, n): the weight below a value, and half the weight of those equal to it."""
    order = np.argsort(values, kind="stable")
    _, starts, group = np.unique(values[order], return_index=True, return_inverse=True)
    totals = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = np.empty_like(weights)
    ranks[:, order] = (np.cumsum(totals, axis=1) - totals / 2)[:, group]
    return ranks


def _divide(numerator: Array, denominator: Array) -> Array:
    """Divide; NaN where there is nothing to divide by."""
    quotient: Array = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
