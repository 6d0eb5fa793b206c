"""Dynamical similarity analysis: compare what two systems do, not where they do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.metrics.hankel_dmd import HankelDMD
from dynalign.metrics.operators import Given, OperatorMetric

Estimator = Literal["shrinkage", "havok"]

_HORIZON = {"shrinkage": 3, "havok": 1}


@dataclass(frozen=True)
class DSA(OperatorMetric):
    r"""Distance between two systems' linear operators under the best orthogonal change of coordinates.

    .. math:: d(A, B) = \min_{C \in O(n)} \arccos \frac{\langle A, C B C^\top\rangle}{\|A\|_F \|B\|_F}

    where A and B are fitted to the delay-embedded states (Ostrow et al. 2023, arXiv 2306.10168, eq. 6). Delays run
    over time, never across trials. Trials, time steps and units of the two systems may differ. Invariant to
    rotation, translation, isotropic scaling, and to an orthonormal embedding in more dimensions. A metric on
    operators up to rotation, so the triangle inequality holds at the optimum, if ``rank`` is a number.

    Two estimators of the operator are at hand. ``havok`` is the published one: with whitened delay vectors v, the
    least-squares map from v_t to v_{t+1}. Whitening makes the smallest direction kept as loud as the largest, and under
    noise small directions hold nothing else. ``shrinkage`` measures how much of the recording is noise, by what cannot
    be foreseen of it, and compares

    .. math:: W (A_h - 1) W

    A_h maps v_t to v_{t+h}, h being the ``horizon``; less 1, it says how states change, which the identity hides where
    time steps are fine; and the diagonal W holds the share of each direction's variance that is no noise (see
    ``dynalign.metrics.shrinkage``). Where noise is not above 0.01 % of the variance, W is 1 for all that is larger.

    The angle exceeds pi/2 (1 on the unit scale) only where even the best alignment is negative, as it may be for
    operators whose traces have opposite signs. It is not clipped.

    A system is an array (trials, time, units); a list of trials (time, units) of unequal lengths; or NumPy's masked
    array, whose gaps no delay vector crosses. Trials that are too short for the delays add nothing.

    Parameters
    ----------
    n_delays : int
        Delay vectors per state, the present one included.
    delay_interval : int
        Time steps between two of them.
    rank : int, float or "optimal"
        Dimensions in which the operator is fitted: this many; or (a float up to 1) as many as hold this share of the
        variance; or those above the optimal hard threshold (Gavish & Donoho 2014). Where two systems differ in
        rank, the smaller operator gets directions without data, in which the next state is 0.
    ridge : float
        Penalty on the squared norm of the operator, whose coordinates have unit norm over all delay vectors.
    center : bool
        Whether the mean of each unit is taken away first. An operator is linear and knows no constant: of states that
        stay far from 0 it spends a direction on their mean, with an eigenvalue near 1. The package dsa-metric leaves
        this to its user.
    distance : {"angular", "euclidean", "wasserstein"}
        The angle above; :math:`\min_C \|A - C B C^\top\|_F`; or the 2-Wasserstein distance W2 (not squared) between
        the spectra, each eigenvalue of weight 1/n: the root mean squared distance of optimally matched
        eigenvalues in the complex plane. It needs no alignment, and it is 0 for operators that share a spectrum
        but not a shape.
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2. Only angles have it.
    starts : int
        Starting points of the alignment at most; a pair is done when five have ended at the best of all.
    seed : int
        Seed of their random mixtures.
    device : str, optional
        Where fits and alignments are computed, such as ``"cuda"``; the CPU by default.
    estimator : {"shrinkage", "havok"}
        See above.
    horizon : int, optional
        Time steps that the operator leads on; by default 3 for ``shrinkage``, and 1, as published, for ``havok``.

    Raises
    ------
    DynalignError
        For parameters out of range, or a device that does not exist. In a call, where nothing stands out of the noise,
        and for the angle of two systems of which one direction each was kept: single numbers have none.
    """

    estimator: Estimator = "shrinkage"
    horizon: int | None = None

    name: ClassVar[str] = "dsa"
    title: ClassVar[str] = "DSA"
    full_title: ClassVar[str] = "DSA, dynamical similarity analysis"
    about: ClassVar[str] = (
        "Fits a linear operator to each network's delay-embedded states, which says how a state leads to the next, and "
        "measures the angle between the two operators after the best rotation of one onto the other."
    )
    blind_spot: ClassVar[str] = (
        "Where the trajectories lie, how large they are, and any dynamics that the chosen delays and rank cannot hold. "
        "It can exceed 1 where even the best rotation leaves two operators opposed."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.estimator not in _HORIZON:
            raise DynalignError(f"estimator={self.estimator} is unknown; use {' or '.join(_HORIZON)}.")
        if self.horizon is not None and self.horizon < 1:
            raise DynalignError(f"{self.title} needs horizon >= 1, not {self.horizon}.")

    @property
    def steps(self) -> int:
        """Time steps that the operator leads on."""
        return _HORIZON[self.estimator] if self.horizon is None else self.horizon

    def _fit(self, given: Given, where: str, **how: Any) -> HankelDMD:
        return super()._fit(given, where, shrink=self.estimator == "shrinkage", **how)

    def _operator(self, fit: HankelDMD) -> Tensor:
        return fit.change() if self.estimator == "shrinkage" else fit.operator
