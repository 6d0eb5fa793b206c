"""Centred kernel alignment, as an angle: linear or RBF kernel, plain or debiased."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.distance import pdist

from dynalign.errors import DynalignError
from dynalign.metrics.base import (
    Metric,
    Scale,
    States,
    angle_of_gap,
    check_matched,
    check_scale,
    check_states,
    gram_difference,
    precision,
)

_TILE = 256  # rows of a tile of a Gram matrix: two of them stay in the processor's cache
_MOST_ROWS = 50_000  # of the RBF kernel, whose time grows with their square
_MEDIAN_ROWS = 2_000  # whose distances make the median


@dataclass(frozen=True)
class CKA(Metric):
    r"""Angle between the centred Gram matrices of two systems, over all trials and time steps.

    .. math:: d = \arccos \frac{\mathrm{HSIC}(K, L)}{\sqrt{\mathrm{HSIC}(K, K)\, \mathrm{HSIC}(L, L)}}

    (Kornblith et al. 2019, arXiv 1905.00414; as an angle: Williams et al. 2021, arXiv 2110.14739). With the linear
    kernel HSIC(K, L) is |Y^T X|_F² up to a constant. Invariant to rotation, translation and isotropic scaling.

    The RBF kernel is exp(-|a - b|² / (2 s²)) with s = ``bandwidth`` times the median distance between two rows of
    the same system (Kornblith et al. 2019, section 3). All rows enter the sums, tile by tile, so that no Gram matrix
    is ever stored; the median is exact up to 2,000 rows, and else that of 2,000 rows evenly spaced from the first to
    the last. Time grows with the square of the rows, of which 50,000 are the limit.

    ``debiased`` takes the unbiased estimator of HSIC (Song et al. 2012, JMLR 13:1393, eq. 5; in CKA: Nguyen et al.
    2020, arXiv 2010.15327). Plain CKA calls unrelated systems of many units similar when rows are few; debiased they
    are at a right angle on average, and beyond it by chance: there the angle exceeds pi/2 (1 on the unit scale). It
    is not clipped. The correction takes rows for independent, which the time steps of one trial are not.

    Either is the angle between two vectors of an inner product space, so the triangle inequality holds; debiased,
    that is the space of U-centred matrices (Székely & Rizzo 2014, arXiv 1310.2926).

    Parameters
    ----------
    kernel : {"linear", "rbf"}
    debiased : bool
        Needs four rows (trials x time steps) or more.
    bandwidth : float
        Of the RBF kernel, as a share of the median distance; from 0.001 to 1000.
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2, from 0 to 1 (to 2 if debiased).

    Raises
    ------
    DynalignError
        For parameters that are unknown, out of range, or belong to another kernel.
    """

    kernel: Literal["linear", "rbf"] = "linear"
    debiased: bool = False
    bandwidth: float = 1.0
    scale: Scale = "unit"

    name: ClassVar[str] = "cka"
    title: ClassVar[str] = "CKA"
    full_title: ClassVar[str] = "CKA, centred kernel alignment"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "geometry"
    about: ClassVar[str] = (
        "Asks of every two moments, in any two trials, whether both networks find them alike, and measures the angle "
        "between the two tables of answers."
    )
    blind_spot: ClassVar[str] = (
        "The order of time: shuffle the moments of both networks in the same way and nothing changes. Directions with "
        "little variance hardly count, however much the network uses them."
    )
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)
        if self.kernel not in ("linear", "rbf"):
            raise DynalignError(f"kernel={self.kernel} is unknown; use linear or rbf.")
        if not 1e-3 <= self.bandwidth <= 1e3:
            raise DynalignError(f"CKA needs a bandwidth from 0.001 to 1000 median distances, not {self.bandwidth}.")
        if self.kernel == "linear" and self.bandwidth != 1:
            raise DynalignError(f"bandwidth={self.bandwidth} needs kernel=rbf; the linear kernel has no bandwidth.")

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> _Gram:
        """Return the checked and centred states, and the norm of their Gram matrix.

        Raises
        ------
        DynalignError
            If ``x`` is unfit for any metric, has too few rows (debiased), too many, or too many that coincide (RBF),
            or if its Gram matrix vanishes when centred.
        """
        states, _ = check_states(x, where=where, metric=self.title)
        rows = states.reshape(-1, states.shape[-1])
        if self.debiased and len(rows) < 4:
            raise DynalignError(f"{where} has {len(rows)} rows (trials x time steps), but debiased CKA needs four.")
        if self.kernel == "rbf":
            # In place, and so the states. Distances depend on no origin; from the median, a few rows that are far
            # away cost the others no digits.
            rows -= np.median(rows, axis=0)
            rows /= self.bandwidth * _median_distance(rows, precision(x), where)
            total, sums = _rbf_sums(rows)
            squares = total
        else:
            total = float(np.square(rows.T @ rows if rows.shape[1] <= len(rows) else rows @ rows.T).sum())
            # Rows of a centred linear Gram matrix sum to 0, and without their diagonal entry to minus that.
            sums = -np.square(rows).sum(axis=1) if self.debiased else np.zeros(len(rows))
            squares = total - float(sums @ sums)
        norm = _centred_norm(squares, sums, self.debiased)
        if norm <= 1e-4 * math.sqrt(total):  # less than half of its digits would be left
            raise DynalignError(
                f"All rows of {where} are equally similar to each other, so that its CKA is undefined; use another "
                "kernel, another bandwidth, or debiased=False."
            )
        return _Gram(states, sums, norm)

    def distances(self, pairs: Sequence[tuple[_Gram, _Gram]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair."""
        return np.array([self._distance(x, y) for x, y in pairs])

    def _distance(self, x: _Gram, y: _Gram) -> float:
        check_matched(x.states, y.states)
        # The difference of the matrices over their norms is formed entry by entry, which keeps the digits near 0 that
        # a formula from their inner product would cancel.
        sums = x.sums / x.norm - y.sums / y.norm
        if self.kernel == "rbf":
            squares = _rbf_difference(x, y)
        else:
            squares = gram_difference(x.rows / math.sqrt(x.norm), y.rows / math.sqrt(y.norm)) - float(sums @ sums)
        difference = _centred_norm(squares, sums, self.debiased)
        return angle_of_gap(difference, self.scale)


@dataclass(frozen=True)
class _Gram:
    """What all pairs of one system need to know of its Gram matrix.

    That is the matrix itself for the linear kernel, without its diagonal if debiased. For the RBF kernel it is the
    matrix minus 1, whose diagonal is 0: centring removes the 1, and the digits of what is far below 1 are kept.
    """

    states: States
    """(trials, time, units), centred; for the RBF kernel from their median, in units of its s."""
    sums: npt.NDArray[np.float64]
    """Sum of each row of the matrix, shape (rows,)."""
    norm: float
    """Norm of the centred matrix."""

    @property
    def rows(self) -> npt.NDArray[np.float64]:
        """The states, shape (rows, units)."""
        return self.states.reshape(-1, self.states.shape[-1])


def _centred_norm(squares: float, sums: npt.NDArray[np.float64], debiased: bool) -> float:
    """Return the norm of a symmetric matrix, centred (U-centred if debiased), from the sum of its squares and its rows.

    Its square is HSIC(K, K) up to a constant: tr(K H K H), or Song et al. 2012, eq. 5, for a K without diagonal.
    """
    count = len(sums)
    per_row, per_pair = (count - 2, (count - 1) * (count - 2)) if debiased else (count, count**2)
    return math.sqrt(max(squares - 2 / per_row * float(sums @ sums) + float(sums.sum()) ** 2 / per_pair, 0.0))


def _rbf_difference(x: _Gram, y: _Gram) -> float:
    """Return the sum of squares of the difference of two RBF Gram matrices minus 1, each over its norm."""
    factors_x, factors_y = _exponent_factors(x.rows), _exponent_factors(y.rows)
    squares = 0.0
    for i, j in _tiles(len(x.sums)):
        tile, other = _rbf_tile(*factors_x, i, j), _rbf_tile(*factors_y, i, j)
        tile /= x.norm
        other /= y.norm
        tile -= other
        squares += float(np.vdot(tile, tile)) * (1 if i == j else 2)
    return squares


def _rbf_sums(rows: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the sum of squares of the RBF Gram matrix minus 1, and the sum of each of its rows."""
    factors = _exponent_factors(rows)
    squares, sums = 0.0, np.zeros(len(rows))
    for i, j in _tiles(len(rows)):
        tile = _rbf_tile(*factors, i, j)
        squares += float(np.vdot(tile, tile)) * (1 if i == j else 2)
        sums[i] += tile.sum(axis=1)
        if i != j:
            sums[j] += tile.sum(axis=0)
    return squares, sums


def _tiles(count: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of tiles that cover the upper triangle of a matrix."""
    for i in range(0, count, _TILE):
        for j in range(i, count, _TILE):
            yield slice(i, i + _TILE), slice(j, j + _TILE)


def _exponent_factors(rows: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return L and R so that the entry of L R^T at rows a and b is -|a - b|²/2."""
    halves, ones = np.square(rows).sum(axis=1) / 2, np.ones(len(rows))
    return np.column_stack([rows, -halves, ones]), np.column_stack([rows, ones, -halves])


def _rbf_tile(
    left: npt.NDArray[np.float64], right: npt.NDArray[np.float64], i: slice, j: slice
) -> npt.NDArray[np.float64]:
    """Return exp(-|a - b|²/2) - 1 for rows a in ``i`` and b in ``j``."""
    tile: npt.NDArray[np.float64] = left[i] @ right[j].T
    np.minimum(tile, 0, out=tile)  # rows that coincide, but for rounding
    return np.expm1(tile, out=tile)


def _median_distance(rows: npt.NDArray[np.float64], rounding: float, where: str) -> float:
    """Return the median distance between two rows; ``rounding`` is the precision of the data, whose size is 1."""
    if len(rows) > _MOST_ROWS:
        raise DynalignError(
            f"{where} has {len(rows)} rows (trials x time steps), but kernel=rbf compares all with all and takes "
            f"{_MOST_ROWS} at most; use fewer trials or time steps, or kernel=linear."
        )
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), _MEDIAN_ROWS)).astype(int)
    median = float(np.median(pdist(rows[chosen])))
    if median <= rounding:
        raise DynalignError(
            f"More than half of the rows of {where} coincide, so that the median distance, which sets the bandwidth of "
            "kernel=rbf, is 0; use kernel=linear."
        )
    return median
