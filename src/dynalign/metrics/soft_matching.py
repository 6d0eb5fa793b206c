"""Soft matching distance: match unit with unit, and fractions of units where their numbers differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch
from scipy.optimize import linear_sum_assignment, linprog

from dynalign.errors import DynalignError
from dynalign.metrics.base import (
    Invariance,
    Metric,
    Scale,
    States,
    angle_of_gap,
    check_distance,
    check_matched,
    check_size,
    check_states,
    distance_with_sizes,
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SoftMatching(Metric):
    r"""What is left between two systems after the best matching of their units.

    Units are points, one number per trial and time step, centred; a matching P moves the units of x, each of weight
    1 / N_x, onto those of y, each of weight 1 / N_y:

    .. math:: d_\text{size-and-shape} = \min_P \sqrt{\sum_{ij} P_{ij} \|x_i - y_j\|^2}, \quad
                P_{ij} \ge 0,\ \sum_j P_{ij} = 1 / N_x,\ \sum_i P_{ij} = 1 / N_y

    (Khosla & Williams 2024, arXiv 2311.09466: the 2-Wasserstein distance between the two sets of units), in the unit
    of the states. With equally many units the best matching is a permutation. The default

    .. math:: d_\text{angular} = \min_P \arccos \frac{\sum_{ij} P_{ij} \langle x_i, y_j\rangle}{s_x s_y}, \quad
                s_x^2 = \frac{1}{N_x} \sum_i \|x_i\|^2

    is the same distance between systems of size s = 1, as an angle: d² = s_x² + s_y² - 2 s_x s_y cos θ. Loud units
    weigh more; over their own norms beforehand all weigh alike, and cos θ is the mean correlation of matched units.
    The angle exceeds pi/2 (1 on the unit scale) where even the best match is negative. It is not clipped. Either is a
    metric, so the triangle inequality holds.

    It sees single units: a permutation of units does not matter, any other rotation does, a sign included. So it says
    nothing about principal components, whose signs and order are arbitrary. A constant unit is a unit like any other,
    at the origin, and has to be matched.

    Parameters
    ----------
    distance : {"angular", "size-and-shape"}
    scale : {"unit", "radians"}
        Of the angle; ``unit`` is the angle over pi/2, from 0 to 1, or to 2 for negative matches.

    Raises
    ------
    DynalignError
        For an unknown distance or scale, or radians of a distance that is no angle.
    """

    distance: Literal["angular", "size-and-shape"] = "angular"
    scale: Scale = "unit"

    name: ClassVar[str] = "soft_matching"
    title: ClassVar[str] = "Soft matching"
    full_title: ClassVar[str] = "Soft matching distance"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "geometry"
    about: ClassVar[str] = (
        "Matches the units of both networks as well as possible, in fractions where their numbers differ, and measures "
        "the angle that is left between matched units."
    )
    blind_spot: ClassVar[str] = (
        "The order of time; and what a population does together: two networks that do the same with other mixtures of "
        "units look different."
    )
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_distance(self.distance, self.scale, ("angular", "size-and-shape"))

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Translation, and scale unless ``distance`` is size-and-shape; not rotation."""
        shape = super().invariances - {"rotation"}
        return shape - {"scale"} if self.distance == "size-and-shape" else shape

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> tuple[States, float]:
        """Return the checked and centred states (trials, time, units), of size 1, and their size.

        Raises
        ------
        DynalignError
            If ``x`` is unfit for any metric, or if its size is needed and too large or small for a number.
        """
        states, unit = check_states(x, where=where, metric=self.title)
        size = float(np.linalg.norm(states)) / math.sqrt(states.shape[-1])
        states /= size
        if self.distance == "size-and-shape":
            check_size(size * unit, where)
        return states, size * unit

    def distances(self, pairs: Sequence[tuple[tuple[States, float], tuple[States, float]]]) -> npt.NDArray[np.float64]:
        """Return the distance of each pair."""
        return np.array([self._distance(*x, *y) for x, y in pairs])

    def _distance(self, x: States, size_x: float, y: States, size_y: float) -> float:
        check_matched(x, y)
        units_x, units_y = (np.ascontiguousarray(z.reshape(-1, z.shape[-1]).T) for z in (x, y))
        first, second, weights = _best_matching(units_x @ units_y.T)
        # From the differences of matched units, which keep the digits near 0 that their inner products would cancel.
        squares = [np.square(units_x[i] - units_y[j]).sum() for i, j in zip(first, second, strict=True)]
        gap = math.sqrt(weights @ squares)
        if self.distance == "angular":
            return angle_of_gap(gap, self.scale)
        return distance_with_sizes(gap, size_x, size_y)


def _best_matching(overlaps: Array) -> tuple[list[int], list[int], Array]:
    """Return the units of x and y that the best matching couples, and its weights, which sum to 1.

    Parameters
    ----------
    overlaps : array, shape (units of x, units of y)
        Inner products, whose mean under the matching is to be largest.
    """
    units_x, units_y = overlaps.shape
    if units_x == units_y:
        first, second = linear_sum_assignment(overlaps, maximize=True)
        return first.tolist(), second.tolist(), np.full(units_x, 1 / units_x)
    # In the largest share of which both sides consist of whole numbers the vertices of the polytope are whole too, and
    # the simplex method ends at a vertex: what it returns, rounded, is exact.
    shares = math.lcm(units_x, units_y)
    sums = scipy.sparse.vstack(
        [
            scipy.sparse.kron(scipy.sparse.identity(units_x), np.ones((1, units_y))),
            scipy.sparse.kron(np.ones((1, units_x)), scipy.sparse.identity(units_y)),
        ],
        format="csr",
    )
    solution = linprog(
        -overlaps.ravel() / max(float(np.abs(overlaps).max()), float(np.finfo(np.float64).tiny)),
        A_eq=sums,
        b_eq=np.repeat([shares // units_x, shares // units_y], [units_x, units_y]),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solution.status != 0:
        raise DynalignError(f"The best matching of x and y was not found: {solution.message}")
    plan: Array = np.rint(solution.x.reshape(units_x, units_y))
    first, second = np.nonzero(plan)
    return first.tolist(), second.tolist(), plan[first, second] / shares
