"""Procrustes distance: what is left between two systems after the best rotation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from dynalign.metrics.base import (
    CANCELLED,
    Invariance,
    Metric,
    Scale,
    States,
    angle,
    check_distance,
    check_matched,
    check_size,
    check_states,
    distance_with_sizes,
)

_WEAK = 1e-8  # share of the largest singular value below which another has lost half of its digits


@dataclass(frozen=True)
class Procrustes(Metric):
    r"""What is left between two systems after the best rotation or reflection.

    Over all trials and time steps, centred; the system with fewer units gets units that are zero. Three distances:

    .. math:: d_\text{angular} = \min_{Q \in O(n)} \arccos \frac{\langle X, Y Q\rangle}{\|X\|_F \|Y\|_F}
                = \arccos \frac{\|X^\top Y\|_*}{\|X\|_F \|Y\|_F}

    (Williams et al. 2021, arXiv 2110.14739, eq. 5),

    .. math:: d_\text{euclidean} = \min_{Q \in O(n)} \left\| \frac{X}{\|X\|_F} - \frac{Y Q}{\|Y\|_F} \right\|_F

    which is the chord 2 sin(angle / 2), from 0 to sqrt(2), and

    .. math:: d_\text{size-and-shape} = \min_{Q \in O(n)} \|X - Y Q\|_F

    (Kendall's size-and-shape distance; Williams et al. 2021 with X as it is), which sees the scale, in the unit of
    the states. As in the literature, the norm is the plain Frobenius norm: twice the trials make it sqrt(2) times as
    large. Each is a metric, so the triangle inequality holds.

    Parameters
    ----------
    distance : {"angular", "euclidean", "size-and-shape"}
    scale : {"unit", "radians"}
        Of the angle; ``unit`` is the angle over pi/2, from 0 to 1.

    Raises
    ------
    DynalignError
        For an unknown distance or scale, or radians of a distance that is no angle.
    """

    distance: Literal["angular", "euclidean", "size-and-shape"] = "angular"
    scale: Scale = "unit"

    name: ClassVar[str] = "procrustes"
    title: ClassVar[str] = "Procrustes"
    full_title: ClassVar[str] = "Procrustes distance"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "geometry"
    about: ClassVar[str] = (
        "Rotates and scales one network's trajectories onto the other's as well as possible, moment by moment, and "
        "measures the angle that is left."
    )
    blind_spot: ClassVar[str] = (
        "The order of time, like CKA; and two networks that do the same at another speed, or through another route, "
        "look as different as two that do different things."
    )
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_distance(self.distance, self.scale, ("angular", "euclidean", "size-and-shape"))

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Rotation, translation, and scale unless ``distance`` is size-and-shape."""
        shape = super().invariances
        return shape - {"scale"} if self.distance == "size-and-shape" else shape

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> tuple[States, float]:
        """Return the checked and centred states (trials, time, units), of norm 1, and their norm.

        Raises
        ------
        DynalignError
            If ``x`` is unfit for any metric, or if its norm is needed and too large or small for a number.
        """
        states, size = check_states(x, where=where, metric=self.title)
        norm = float(np.linalg.norm(states))
        states /= norm
        if self.distance == "size-and-shape":
            check_size(norm * size, where)
        return states, norm * size

    def distances(self, pairs: Sequence[tuple[tuple[States, float], tuple[States, float]]]) -> npt.NDArray[np.float64]:
        """Return the distance of each pair."""
        return np.array([self._distance(*x, *y) for x, y in pairs])

    def _distance(self, x: States, norm_x: float, y: States, norm_y: float) -> float:
        if self.distance == "angular":
            return superposed_angle(x, y, self.scale)
        rows_x, rows_y = _superpose(x, y)
        gap = float(np.linalg.norm(rows_x - rows_y))
        return gap if self.distance == "euclidean" else distance_with_sizes(gap, norm_x, norm_y)


def superposed_angle(x: States, y: States, scale: Scale) -> float:
    """Return the angle between two systems of norm 1, each (trials, time, units), after the best rotation."""
    check_matched(x, y)
    # Their inner product is then the sum of the singular values (Schönemann 1966, Psychometrika 31:1, eq. 1.12), from
    # which a small angle would have lost its digits.
    product = y.reshape(-1, y.shape[-1]).T @ x.reshape(-1, x.shape[-1])
    cosine = float(np.linalg.svd(product, compute_uv=False).sum())
    if 1 - cosine > CANCELLED:
        return angle(math.sqrt(2 - 2 * cosine), math.sqrt(2 + 2 * cosine), scale)
    rows_x, rows_y = _superpose(x, y)
    return angle(float(np.linalg.norm(rows_x - rows_y)), float(np.linalg.norm(rows_x + rows_y)), scale)


def _superpose(x: States, y: States) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the rows of both systems after the best rotation, each of shape (rows, units of the larger system).

    The system with fewer units is turned into the units of the other, so that the norm of the difference is least.
    """
    check_matched(x, y)
    rows_x, rows_y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    turn = _best_turn(rows_x, rows_y)
    if x.shape[-1] < y.shape[-1]:
        return rows_x @ turn.T, rows_y
    return rows_x, rows_y @ turn


def _best_turn(rows_x: npt.NDArray[np.float64], rows_y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the best rotation from the units of y to those of x, shape (units of y, units of x)."""
    product = rows_y.T @ rows_x
    left, values, right = np.linalg.svd(product, full_matrices=False)
    strong = int((values > _WEAK * values[0]).sum())
    turn: npt.NDArray[np.float64] = left[:, :strong] @ right[:strong]
    if strong < len(values):
        # Directions that are small in both systems have lost their digits in the product, whose entries are as their
        # squares: they are turned by a product of their own.
        left, _, right = np.linalg.svd(product)
        weak_y, weak_x = left[:, strong:], right[strong:].T
        left, _, right = np.linalg.svd((rows_y @ weak_y).T @ (rows_x @ weak_x), full_matrices=False)
        turn += weak_y @ (left @ right) @ weak_x.T
    return turn
