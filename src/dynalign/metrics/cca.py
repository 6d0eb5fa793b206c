"""Canonical correlations, as angles: CCA, SVCCA and PWCCA."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics.base import (
    Invariance,
    Metric,
    Scale,
    States,
    angle,
    check_matched,
    check_scale,
    check_states,
    precision,
)
from dynalign.metrics.procrustes import superposed_angle


@dataclass(frozen=True)
class CCA(Metric):
    r"""Angle between two systems after the best linear map of each, over all trials and time steps.

    .. math:: d = \arccos \frac{\sum_i \rho_i}{\sqrt{k_x k_y}}

    with the canonical correlations ρ of the centred systems, of rank k_x and k_y. It is the angular Procrustes
    distance of the whitened systems (Williams et al. 2021, arXiv 2110.14739), so the triangle inequality holds. For
    equal ranks its cosine is the mean correlation. For others it is not 0 where the smaller space lies in the larger,
    as the mean over min(k_x, k_y) is (Raghu et al. 2017), but sees what the smaller lacks.

    Invariant to every invertible linear map and to translation. Directions that are no larger than rounding errors
    are left out; noise that is larger counts as much as any signal (see ``SVCCA``). Many more rows than units are
    needed: the fewer, the more any two systems seem alike (Kornblith et al. 2019, arXiv 1905.00414, theorem 1).

    Parameters
    ----------
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2, from 0 to 1.
    """

    scale: Scale = "unit"

    name: ClassVar[str] = "cca"
    title: ClassVar[str] = "CCA"
    full_title: ClassVar[str] = "CCA, canonical correlation analysis"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "geometry"
    about: ClassVar[str] = (
        "Maps the states of both networks linearly so that they agree as well as possible, moment by moment, and "
        "measures the angle that is left."
    )
    blind_spot: ClassVar[str] = (
        "The order of time, and the size of a direction: noise, however small, counts as much as what the network "
        "computes with."
    )
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)

    @property
    def invariances(self) -> frozenset[Invariance]:
        """All of them."""
        return super().invariances | {"linear"}

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> States:
        """Return the whitened states (trials, time, rank), of norm 1; see ``SVCCA.prepare``."""
        return _whitened(_row_space(x, where, self.title))

    def distances(self, pairs: Sequence[tuple[States, States]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair."""
        return np.array([superposed_angle(x, y, self.scale) for x, y in pairs])


@dataclass(frozen=True)
class SVCCA(Metric):
    r"""CCA of the leading principal components of each system.

    Of each system the fewest components are kept that carry ``variance`` of its variance; then the angle is that of
    ``CCA``, the triangle inequality included (Raghu et al. 2017, arXiv 1706.05806, whose mean correlation is its
    cosine if both keep equally many). Invariant to rotation, translation and isotropic scaling.

    Parameters
    ----------
    variance : float
        Share of the variance to keep, above 0, up to 1.
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2, from 0 to 1.

    Raises
    ------
    DynalignError
        For a variance or scale out of range.
    """

    variance: float = 0.99
    scale: Scale = "unit"

    name: ClassVar[str] = "svcca"
    title: ClassVar[str] = "SVCCA"
    full_title: ClassVar[str] = "SVCCA, CCA of the leading principal components"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "geometry"
    about: ClassVar[str] = (
        "Keeps the largest principal components of each network, maps them linearly so that they agree as well as "
        "possible, moment by moment, and measures the angle that is left."
    )
    blind_spot: ClassVar[str] = (
        "The order of time, the components that were left out, however much the network uses them, and which of those "
        "kept are large."
    )
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)
        if not 0 < self.variance <= 1:
            raise DynalignError(f"SVCCA keeps a share of the variance above 0, up to 1, not {self.variance}.")

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> States:
        """Return the whitened states (trials, time, components), of norm 1.

        Raises
        ------
        DynalignError
            If ``x`` is unfit for any metric, changes by rounding errors alone, or has no more rows than dimensions.
        """
        return _whitened(_row_space(x, where, self.title, self.variance))

    def distances(self, pairs: Sequence[tuple[States, States]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair."""
        return np.array([superposed_angle(x, y, self.scale) for x, y in pairs])


@dataclass(frozen=True)
class PWCCA(Metric):
    r"""Angle whose cosine is the mean canonical correlation, weighted by how much each direction carries.

    .. math:: d = \arccos \sum_i \frac{\alpha_i + \beta_i}{2} \rho_i, \quad
                \alpha_i = \frac{\sum_j |\langle h_i, x_j\rangle|}{\sum_{i, j} |\langle h_i, x_j\rangle|}

    with the canonical correlations ρ_i, i up to the smaller rank, the canonical variates h_i of x, its units x_j, and
    likewise β from y (Morcos et al. 2018, arXiv 1806.05759, where the weights come from one of the two systems; here
    they are the mean of both directions, so that the dissimilarity is symmetric).

    The weights see the axes of the units, so it is invariant to scaling and translation, but not to rotation, and
    the triangle inequality does not hold. It is 0 not only for the same, but also where one system's space lies in
    the other's. Where several correlations are equal, their directions and so the weights are not unique.

    Parameters
    ----------
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2, from 0 to 1.
    """

    scale: Scale = "unit"

    name: ClassVar[str] = "pwcca"
    title: ClassVar[str] = "PWCCA"
    full_title: ClassVar[str] = "PWCCA, projection-weighted CCA"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "geometry"
    about: ClassVar[str] = (
        "Finds the directions in which both networks agree best, and makes an angle of the mean of their correlations, "
        "weighted by how much of the units' activity each direction carries."
    )
    blind_spot: ClassVar[str] = (
        "The order of time, and what one network has beyond the other: it is 0 as soon as the states of one are a "
        "linear function of those of the other."
    )
    needs_matched_trials: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Scale and translation."""
        return super().invariances - {"rotation"}

    @property
    def triangle(self) -> bool:
        """Does not hold."""
        return False

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> _RowSpace:
        """Return a basis of the rows' space, and how much of each unit lies along it; see ``SVCCA.prepare``."""
        return _row_space(x, where, self.title)

    def distances(self, pairs: Sequence[tuple[_RowSpace, _RowSpace]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair."""
        return np.array([self._distance(x, y) for x, y in pairs])

    def _distance(self, x: _RowSpace, y: _RowSpace) -> float:
        check_matched(x.basis, y.basis)
        # One order for (x, y) and (y, x), so that both give the same number where the weights are not unique.
        x, y = sorted((x, y), key=lambda space: float(np.abs(space.loadings).sum()))
        basis_x, basis_y = (space.basis.reshape(-1, space.basis.shape[-1]) for space in (x, y))
        left, _, right = np.linalg.svd(basis_x.T @ basis_y, full_matrices=False)
        weights = (_shares(left.T @ x.loadings) + _shares(right @ y.loadings)) / 2
        variates_x, variates_y = basis_x @ left, basis_y @ right.T
        # Half angles: their sines keep the digits near 0, where the correlations, which are cosines, have none left.
        sines = np.linalg.norm(variates_x - variates_y, axis=0) / 2
        cosines = np.linalg.norm(variates_x + variates_y, axis=0) / 2
        return angle(float(np.sqrt(weights @ sines**2)), float(np.sqrt(weights @ cosines**2)), self.scale)


@dataclass(frozen=True)
class _RowSpace:
    """A system's singular value decomposition, without the directions that are left out."""

    basis: States
    """Orthonormal time courses, shape (trials, time, rank)."""
    loadings: npt.NDArray[np.float64]
    """Inner product of each with each centred unit, shape (rank, units)."""


def _row_space(x: npt.ArrayLike | torch.Tensor, where: str, metric: str, variance: float = 1.0) -> _RowSpace:
    """Return the leading directions of ``x`` that carry ``variance`` of its variance."""
    states, _ = check_states(x, where=where, metric=metric)
    rows = states.reshape(-1, states.shape[-1])
    basis, values, axes = np.linalg.svd(rows, full_matrices=False)
    # The largest entry is 1, so rounding errors are noise of about precision(x) per entry, whose singular values are
    # at most sqrt(rows) + sqrt(units) times that; tenfold, because x was computed. The other floor is the SVD's own.
    floor = max(10 * precision(x) * np.sqrt(rows.shape).sum(), max(rows.shape) * np.finfo(np.float64).eps * values[0])
    rank = int((values > floor).sum())
    if rank == 0:
        raise DynalignError(f"{where} changes no more than rounding errors do, so it has no directions to correlate.")
    carried = np.cumsum(values**2)
    rank = min(rank, int(np.searchsorted(carried, variance * carried[-1])) + 1)
    # Centred rows span one dimension less than there are rows.
    if rank >= len(rows) - 1:
        raise DynalignError(
            f"{where} has {len(rows)} rows (trials x time steps) for {rank} dimensions, so that it correlates "
            "perfectly with any system; use more trials or time steps, or SVCCA with less variance."
        )
    return _RowSpace(
        np.ascontiguousarray(basis[:, :rank]).reshape(*states.shape[:2], rank), values[:rank, None] * axes[:rank]
    )


def _whitened(space: _RowSpace) -> States:
    """Return time courses of equal size along every direction, of norm 1 together."""
    return space.basis / math.sqrt(space.basis.shape[-1])


def _shares(projections: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return each direction's share in the absolute projections (directions, units) of all units."""
    shares: npt.NDArray[np.float64] = np.abs(projections).sum(axis=1)
    shares /= shares.sum()
    return shares
