"""Procrustes distance: what is left between two systems after the best rotation, as an angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from dynalign.metrics.base import Metric, Scale, States, angle, check_matched, check_scale, check_states


@dataclass(frozen=True)
class Procrustes(Metric):
    r"""Angle between two systems of unit norm after the best rotation or reflection.

    .. math:: d = \min_{Q \in O(n)} \arccos \frac{\langle X, Y Q\rangle}{\|X\|_F \|Y\|_F}
                = \arccos \frac{\|X^\top Y\|_*}{\|X\|_F \|Y\|_F}

    over all trials and time steps, centred; the system with fewer units gets units that are zero (Williams et al.
    2021, arXiv 2110.14739, eq. 5). A metric, so the triangle inequality holds.

    Parameters
    ----------
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2, from 0 to 1.
    """

    scale: Scale = "unit"

    name: ClassVar[str] = "procrustes"
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> States:
        """Return the checked and centred states (trials, time, units), of norm 1."""
        states, _ = check_states(x, where=where)
        return states / np.linalg.norm(states)

    def distances(self, pairs: Sequence[tuple[States, States]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair."""
        return np.array([self._distance(x, y) for x, y in pairs])

    def _distance(self, x: States, y: States) -> float:
        check_matched(x, y)
        if x.shape[-1] < y.shape[-1]:
            x, y = y, x
        rows_x, rows_y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
        left, _, right = np.linalg.svd(rows_y.T @ rows_x, full_matrices=False)
        turned = rows_y @ (left @ right)  # y in the units of x
        difference, total = np.linalg.norm(rows_x - turned), np.linalg.norm(rows_x + turned)
        return angle(float(difference), float(total), self.scale)
