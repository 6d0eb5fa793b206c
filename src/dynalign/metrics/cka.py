"""Centred kernel alignment with the linear kernel, as an angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch

from dynalign.metrics.base import Metric, Scale, States, angle, check_matched, check_scale, check_states


@dataclass(frozen=True)
class CKA(Metric):
    r"""Angle between the centred linear Gram matrices of two systems, over all trials and time steps.

    .. math:: d = \arccos \frac{\|Y^\top X\|_F^2}{\|X^\top X\|_F \|Y^\top Y\|_F}

    (Kornblith et al. 2019, arXiv 1905.00414, eq. 3 with the linear kernel; as an angle: Williams et al. 2021, arXiv
    2110.14739). A metric on Gram matrices, so the triangle inequality holds. Invariant to rotation, translation
    and isotropic scaling.

    Parameters
    ----------
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2, from 0 to 1.
    """

    scale: Scale = "unit"

    name: ClassVar[str] = "cka"
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> States:
        """Return the checked and centred states (trials, time, units)."""
        return check_states(x, where=where)[0]

    def distances(self, pairs: Sequence[tuple[States, States]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair."""
        return np.array([self._distance(x, y) for x, y in pairs])

    def _distance(self, x: States, y: States) -> float:
        check_matched(x, y)
        units = x.shape[-1]
        both = np.concatenate([x, y], axis=-1).reshape(-1, units + y.shape[-1])
        # In an orthonormal basis of all columns the Gram matrices are small, and their difference can be formed
        # entry by entry, which keeps the digits that a formula from their norms would cancel.
        (factor,) = scipy.linalg.qr(both, mode="r", overwrite_a=True, check_finite=False)
        factor = factor[: min(both.shape)]
        gram_x = factor[:, :units] @ factor[:, :units].T
        gram_y = factor[:, units:] @ factor[:, units:].T
        gram_x /= np.linalg.norm(gram_x)
        gram_y /= np.linalg.norm(gram_y)
        return angle(float(np.linalg.norm(gram_x - gram_y)), float(np.linalg.norm(gram_x + gram_y)), self.scale)
