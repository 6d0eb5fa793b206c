"""Representational similarity analysis: are the same conditions alike in both systems?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.distance import pdist

from dynalign.errors import DynalignError
from dynalign.metrics.base import (
    Invariance,
    Metric,
    Scale,
    States,
    angle_of_gap,
    check_matched,
    check_scale,
    check_states,
    gram_difference,
)

Array = npt.NDArray[np.float64]

_MOST_RANKED = 4_000  # conditions whose pairs can be ranked: 8 million numbers of one system
_CONSTANT = 1e-4  # spread of an RDM, over its size, below which less than half of the digits would be left
_TIE = 2.0**-40  # share of the largest dissimilarity below which two count as equal: rounding alone can part them


@dataclass(frozen=True)
class RSA(Metric):
    r"""Angle between the representational dissimilarity matrices (RDMs) of two systems.

    An RDM holds the dissimilarity of the activity patterns of every two conditions (Kriegeskorte, Mur & Bandettini
    2008, doi 10.3389/neuro.06.004.2008). Two RDMs are compared by the similarity r of their entries above the
    diagonal, and d = arccos r.

    Conditions are all moments, each trial and time step, so that a pattern is one state (as in CKA); or all trials, so
    that a pattern is a trial's whole time course. Two patterns differ by

    - ``euclidean``: their squared Euclidean distance, as in rsatoolbox (up to a constant factor, which no comparison
      sees). Invariant to rotation, translation and isotropic scaling.
    - ``correlation``: 1 minus their correlation over units. Each unit's mean over all moments is subtracted before
      ("cocktail-blank removal", without which the units' mean rates dominate). It sees the axes of the units: invariant
      to scaling and translation, but not to rotation.

    RDMs are compared by Pearson's correlation, by Spearman's rank correlation, or by the cosine of the angle between
    them as they are. Each is the inner product of two vectors of norm 1 (centred, ranked and centred, or neither), so
    d is an angle between vectors, and the triangle inequality holds for all three. Where RDMs are negatively correlated
    it exceeds pi/2 (1 on the unit scale). It is not clipped.

    No RDM is stored for Pearson's correlation and the cosine: sums over all pairs of conditions follow exactly from
    the patterns' norms and inner products, for any number of conditions. Spearman's needs all pairs, and so takes
    4,000 conditions at most.

    Parameters
    ----------
    conditions : {"moments", "trials"}
    dissimilarity : {"euclidean", "correlation"}
        Of two patterns.
    comparison : {"pearson", "spearman", "cosine"}
        Of two RDMs.
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2, from 0 to 1, or to 2 for negative correlations.

    Raises
    ------
    DynalignError
        For an unknown parameter.
    """

    conditions: Literal["moments", "trials"] = "moments"
    dissimilarity: Literal["euclidean", "correlation"] = "euclidean"
    comparison: Literal["pearson", "spearman", "cosine"] = "pearson"
    scale: Scale = "unit"

    name: ClassVar[str] = "rsa"
    title: ClassVar[str] = "RSA"
    full_title: ClassVar[str] = "RSA, representational similarity analysis"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "geometry"
    about: ClassVar[str] = (
        "Tables for each network how far apart its activity patterns are for every two conditions, and measures the "
        "angle between the two tables."
    )
    blind_spot: ClassVar[str] = (
        "The order of time; and directions with little variance, which hardly change how far apart two patterns are."
    )
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)
        if self.conditions not in ("moments", "trials"):
            raise DynalignError(f"conditions={self.conditions} is unknown; use moments or trials.")
        if self.dissimilarity not in ("euclidean", "correlation"):
            raise DynalignError(f"dissimilarity={self.dissimilarity} is unknown; use euclidean or correlation.")
        if self.comparison not in ("pearson", "spearman", "cosine"):
            raise DynalignError(f"comparison={self.comparison} is unknown; use pearson, spearman or cosine.")

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Rotation unless patterns are correlated, scale and translation."""
        similarity = super().invariances
        return similarity - {"rotation"} if self.dissimilarity == "correlation" else similarity

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> _RDM:
        """Return what the comparison needs of the RDM of ``x`` (trials, time, units).

        Raises
        ------
        DynalignError
            If ``x`` is unfit for any metric, has fewer than three conditions or too many to be ranked, or if its RDM or
            one of its patterns is constant where a correlation with it is asked for.
        """
        states, _ = check_states(x, where=where, metric=self.title)
        patterns = self._patterns(states, where)
        count = len(patterns)
        if count < 3:
            raise DynalignError(f"{where} has {count} conditions ({self.conditions}), but RSA needs three to compare.")
        diagonal = np.square(patterns).sum(axis=1)
        entries: Array = np.empty(0)
        if self.comparison != "spearman":
            inner = patterns.T @ patterns if patterns.shape[1] < count else patterns @ patterns.T
            inners = float(np.square(inner).sum())
            squares = _sum_of_squares(diagonal, inners, centred=self.comparison == "pearson")
            constant = squares <= _CONSTANT**2 * _sum_of_squares(diagonal, inners, centred=False)
        elif count <= _MOST_RANKED:
            entries = _ranks(patterns)
            squares = float(entries @ entries)
            constant = squares == 0
        else:
            raise DynalignError(
                f"{where} has {count} conditions ({self.conditions}), but comparison=spearman ranks all their pairs, "
                f"of {_MOST_RANKED} at most; use comparison=pearson, conditions=trials, or fewer time steps."
            )
        if constant:
            raise DynalignError(
                f"All patterns of {where} are equally far apart, so that its RDM correlates with none; use "
                "comparison=cosine, or other conditions."
            )
        return _RDM(patterns.reshape(states.shape), diagonal, entries, math.sqrt(squares))

    def _patterns(self, states: States, where: str) -> Array:
        """Return the patterns (conditions, numbers), their mean subtracted, whose squared distances make the RDM."""
        trials, time, units = states.shape
        patterns = states.reshape(trials, time * units) if self.conditions == "trials" else states.reshape(-1, units)
        if self.dissimilarity == "correlation":
            # 1 minus a correlation is half the squared distance of patterns that are centred and of norm 1.
            largest = np.abs(patterns).max(axis=1)
            patterns = patterns - patterns.mean(axis=1, keepdims=True)
            constant = np.abs(patterns).max(axis=1) <= 4 * np.finfo(np.float64).eps * largest
            if constant.any():
                first = int(constant.argmax())
                place = f"trial {first}" if self.conditions == "trials" else f"(trial, time) {divmod(first, time)}"
                raise DynalignError(
                    f"The pattern of {where} at {place} is constant, so that its correlations are undefined; use "
                    "dissimilarity=euclidean."
                )
            patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
        centred: Array = patterns - patterns.mean(axis=0)
        if np.abs(centred).max() <= 4 * np.finfo(np.float64).eps:
            raise DynalignError(
                f"All patterns of {where} are the same, so that they tell nothing; use other conditions than "
                f"{self.conditions}."
            )
        return centred

    def distances(self, pairs: Sequence[tuple[_RDM, _RDM]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair."""
        return np.array([self._distance(x, y) for x, y in pairs])

    def _distance(self, x: _RDM, y: _RDM) -> float:
        check_matched(x.patterns, y.patterns)
        # The difference of the RDMs over their norms is formed before it is squared, which keeps the digits near 0
        # that a formula from their inner product would cancel.
        if self.comparison == "spearman":
            gap = float(np.linalg.norm(x.entries / x.norm - y.entries / y.norm))
        else:
            rows_x, rows_y = (z.patterns.reshape(len(z.diagonal), -1) / math.sqrt(z.norm) for z in (x, y))
            diagonal, inners = x.diagonal / x.norm - y.diagonal / y.norm, gram_difference(rows_x, rows_y)
            gap = math.sqrt(max(_sum_of_squares(diagonal, inners, centred=self.comparison == "pearson"), 0.0))
        return angle_of_gap(gap, self.scale)


@dataclass(frozen=True)
class _RDM:
    """An RDM, by what it follows from."""

    patterns: States
    """(trials, time, numbers): patterns whose squared distances are its entries; their mean is 0."""
    diagonal: Array
    """Squared norms of the patterns, the diagonal of their inner products, shape (conditions,)."""
    entries: Array
    """The centred ranks of its entries above the diagonal, if they are ranked."""
    norm: float
    """Norm of the (centred, ranked) entries."""


def _sum_of_squares(diagonal: Array, inners: float, *, centred: bool) -> float:
    """Return the sum over i != j of the squares of d_ij = g_ii + g_jj - 2 g_ij, minus their mean if ``centred``.

    Parameters
    ----------
    diagonal : array, shape (conditions,)
        Of g, a symmetric matrix whose rows sum to 0: inner products of patterns whose mean is 0, or a difference of
        two such matrices.
    inners : float
        Sum of all squares of g.
    """
    count, total = len(diagonal), float(diagonal.sum())
    if not centred:
        return float(2 * count * (diagonal @ diagonal) + 2 * total**2 + 4 * inners)
    deviations = diagonal - total / count
    return float(2 * count * (deviations @ deviations) + 4 * (inners - total**2 / (count - 1)))


def _ranks(patterns: Array) -> Array:
    """Return the centred ranks of the squared distances of every two patterns (conditions, numbers)."""
    distances = pdist(patterns, "sqeuclidean")
    np.rint(distances / (_TIE * distances.max()), out=distances)
    from scipy.stats import rankdata  # half a second to load, for this alone

    ranks: Array = rankdata(distances)
    ranks -= (len(ranks) + 1) / 2
    return ranks
