"""What a few seeds can say: intervals and tests for networks that are all compared with one pool of networks.

A quantity is a table of seeds x pool members: how far the network of each seed is from each network of the pool. Both
are random, so neither alone is the sample. Several quantities on the same seeds and pool, such as groups that
continue the same networks, make one design, in which they are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dynalign.errors import DynalignError
from dynalign.statistics import Array, Estimate

OfMeans = Callable[[Array], Array]

_ALL_FLIPS = 16  # seeds up to which every pattern of signs is tried; 2**16 of them are drawn above
_LEAST = 2  # levels from which a variance can be estimated


@dataclass(frozen=True, eq=False)
class Studentised(Estimate):
    """A number with bootstrap replicates that know their own standard errors.

    Its intervals are bootstrap-t (Efron & Tibshirani 1993, section 12.5), because percentile intervals of ten seeds
    are still too narrow (``benchmarks/coverage.py``). A difference of two of these is a plain ``Estimate``, with
    percentile intervals; for a studentised one, take the difference in the statistic.

    Attributes
    ----------
    error : float
        The standard error of the number.
    errors : array, shape (draws,)
        Those of the replicates.
    """

    error: float
    errors: Array

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of the bootstrap-t interval; both are the number itself where its standard error is 0."""
        if self.error == 0:
            return self.value, self.value
        with np.errstate(divide="ignore", invalid="ignore"):  # a replicate may consist of one level, without error
            low, high = Estimate(0.0, (self.draws - self.value) / self.errors).percentile(level)
        return self.value - high * self.error, self.value - low * self.error


def crossed(statistic: OfMeans, *designs: Array, draws: int = 2000, seed: int = 0) -> Studentised:
    """Return a statistic of means over seeds and pool members, with replicates in which both are redrawn.

    Seeds and pool members are drawn with replacement, independently of each other (Owen 2007, "The pigeonhole
    bootstrap"): the same ones for all tables of a design, other ones for each design. The draws depend on ``seed`` and
    shapes alone, so two estimates on the same designs are paired.

    Standard errors are those of a mean in a two-way layout with random rows and columns (Searle, Casella & McCulloch
    1992, "Variance Components", chapter 4), from pseudo-values that leave out a seed, a pool member, and both; for a
    mean these are the values themselves.

    Parameters
    ----------
    statistic : callable
        From means (n, tables), those of all designs side by side, to numbers (n,). It should be smooth.
    *designs : array, shape (seeds, pool) or (tables, seeds, pool)
        Tables on the same seeds and pool; designs are independent, and may be of different sizes.
    draws : int
        Replicates.
    seed : int

    Raises
    ------
    DynalignError
        If a design is no table of known numbers of at least two seeds and two pool members, or the statistic of the
        means is not finite.
    """
    tables = [_checked(design, place) for place, design in enumerate(designs)]
    if not tables:
        raise DynalignError("A crossed design needs at least one table of seeds x pool members.")
    redrawn = []
    for place, table in enumerate(tables):
        rng = np.random.default_rng([seed, place])
        _, seeds, pool = table.shape
        rows, columns = rng.integers(seeds, size=(draws, seeds)), rng.integers(pool, size=(draws, pool))
        drawn = table[:, rows[:, :, None], columns[:, None, :]].swapaxes(0, 1)
        redrawn.append(np.concatenate([table[None], drawn]))  # the first is the design as it is
    values, errors = _studentise(statistic, redrawn)
    if not np.isfinite(values[0]):
        raise DynalignError(f"The statistic of the means is {values[0]}, where a finite number is needed.")
    return Studentised(float(values[0]), values[1:], float(errors[0]), errors[1:])


def equivalent(estimate: Estimate, margin: float, *, alpha: float = 0.05) -> bool:
    """Return whether a number is within ``margin`` of 0: two one-sided tests at ``alpha`` (Schuirmann 1987).

    That is, whether its interval at a confidence of 1 - 2 alpha lies within (-margin, margin).
    """
    low, high = estimate.interval(1 - 2 * alpha)
    return -margin < low and high < margin


def sign_flip(
    differences: Array | Sequence[float], *, alternative: Literal["two-sided", "greater"] = "two-sided", seed: int = 0
) -> float:
    """Return the p-value of a mean against 0, by flipping the signs of paired differences (Fisher 1935, section 21).

    Exact up to 16 differences. Above, 2**16 patterns of signs are drawn, and the observed one counts among them
    (Phipson & Smyth 2010), so that p is never 0. Of n differences p is at least 2**-n, and twice that if two-sided:
    five or fewer cannot reach 0.05 two-sided. Differences that are means over a pool speak of that pool alone.

    Parameters
    ----------
    differences : array, shape (seeds,)
        One per independent unit.
    alternative : {"two-sided", "greater"}
        "greater" asks whether the mean is above 0.
    seed : int
        Of the patterns that are drawn.

    Raises
    ------
    DynalignError
        If there are no differences, or one is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise DynalignError(f"Sign flips need a row of finite differences, not an array of shape {values.shape}.")
    exact = values.size <= _ALL_FLIPS
    if exact:
        bits = (np.arange(2**values.size)[:, None] >> np.arange(values.size)) & 1
    else:
        bits = np.random.default_rng(seed).integers(2, size=(2**_ALL_FLIPS, values.size))
    sums, observed = (1.0 - 2.0 * bits) @ values, values.sum()
    if alternative == "two-sided":
        sums, observed = np.abs(sums), np.abs(observed)
    # Sums that are equal but for the order of their terms are ties.
    rounding = 2 * values.size * np.finfo(np.float64).eps * np.abs(values).sum()
    reached = int((sums >= observed - rounding).sum())
    return reached / len(sums) if exact else (1 + reached) / (1 + len(sums))


def holm(p_values: Array | Sequence[float]) -> Array:
    """Return p-values adjusted for their number (Holm 1979), in the order given, shape (n,).

    Raises
    ------
    DynalignError
        If one is not between 0 and 1.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise DynalignError(f"p-values lie between 0 and 1, which these do not: {values.tolist()}.")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return adjusted


def _checked(design: Array, place: int) -> Array:
    """Return a design as tables (tables, seeds, pool)."""
    table = np.asarray(design, dtype=np.float64)
    table = table[None] if table.ndim == _LEAST else table
    if table.ndim != _LEAST + 1 or not table.shape[0] or min(table.shape[1:]) < _LEAST:
        raise DynalignError(
            f"Design {place} has shape {np.shape(design)}; it needs (seeds, pool) or (tables, seeds, pool) with at "
            "least two seeds and two pool members."
        )
    if not np.isfinite(table).all():
        raise DynalignError(f"Design {place} has values that are not finite; leave out their seeds or pool members.")
    return table


def _studentise(statistic: OfMeans, designs: Sequence[Array]) -> tuple[Array, Array]:
    """Return the statistic and its standard error for each of n replicates of designs (n, tables, seeds, pool)."""
    means = [tables.mean(axis=(2, 3)) for tables in designs]
    with np.errstate(all="ignore"):  # what is undefined in a replicate is NaN there
        values = statistic(np.concatenate(means, axis=1))
        variance = np.zeros_like(values)
        for place, tables in enumerate(designs):

            def of(left: Array, place: int = place) -> Array:
                """Return the statistic (n, a, b) when means (n, tables, a, b) stand in for those of this design."""
                size = (len(left), *left.shape[2:])
                every = [np.broadcast_to(each[:, :, None, None], each.shape + size[1:]) for each in means]
                every[place] = left
                stacked = np.moveaxis(np.concatenate(every, axis=1), 1, -1)
                return statistic(stacked.reshape(-1, stacked.shape[-1])).reshape(size)

            variance += _variance_of_mean(_pseudo_values(of, values, tables))
    return values, np.sqrt(variance)


def _pseudo_values(of: Callable[[Array], Array], values: Array, tables: Array) -> Array:
    """Return the pseudo-values (n, seeds, pool) of a jackknife over both factors of tables (n, tables, seeds, pool)."""
    seeds, pool = tables.shape[2:]
    rows, columns = tables.sum(axis=3, keepdims=True), tables.sum(axis=2, keepdims=True)
    total = rows.sum(axis=2, keepdims=True)
    without_row = of((total - rows) / ((seeds - 1) * pool))
    without_column = of((total - columns) / (seeds * (pool - 1)))
    without_both = of((total - rows - columns + tables) / ((seeds - 1) * (pool - 1)))
    return (
        seeds * pool * values[:, None, None]
        - (seeds - 1) * pool * without_row
        - seeds * (pool - 1) * without_column
        + (seeds - 1) * (pool - 1) * without_both
    )


def _variance_of_mean(tables: Array) -> Array:
    """Return the variance of the mean of each table (n, seeds, pool), both of whose factors are random.

    With the mean squares of an analysis of variance it is (rows + columns - residual) / size; a factor whose mean
    square is below the residual one has no variance of its own. Without that bound, it could be negative.
    """
    _, seeds, pool = tables.shape
    rows, columns = tables.mean(axis=2, keepdims=True), tables.mean(axis=1, keepdims=True)
    mean = rows.mean(axis=1, keepdims=True)
    of_rows = pool * ((rows - mean) ** 2).sum(axis=(1, 2)) / (seeds - 1)
    of_columns = seeds * ((columns - mean) ** 2).sum(axis=(1, 2)) / (pool - 1)
    residual = ((tables - rows - columns + mean) ** 2).sum(axis=(1, 2)) / ((seeds - 1) * (pool - 1))
    variance: Array = (np.maximum(of_rows, residual) + np.maximum(of_columns, residual) - residual) / (seeds * pool)
    return variance
