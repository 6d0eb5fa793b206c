r"""Causal optimal transport distance between noisy trajectories, minimised over rotations of the units.

Two Gaussian processes with means m, m' (time, units) and covariances L Lᵀ, L' L'ᵀ, where L is block lower triangular
in time (a block Cholesky factor), are X = m + L ε and Y = m' + L' ε'. A coupling that looks into neither future
couples the white noise ε_t with ε'_t moment by moment, so that the best one costs

.. math:: d^2 = \|m - m'\|^2 + \|L\|_F^2 + \|L'\|_F^2 - 2 \sum_t \|(L^\top L')_{tt}\|_*

with the t-th diagonal block (units x units) and the nuclear norm. For one unit this is the main theorem of Gunasingam
& Wong 2024 (arXiv 2404.06625). Q in O(n) turns the units at all times alike: m' -> m' Qᵀ and L' -> (I ⊗ Q) L'.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics.base import (
    Invariance,
    Metric,
    Scale,
    States,
    angle_of_gap,
    check_distance,
    check_size,
    check_states,
    distance_with_sizes,
    precision,
)

Array = npt.NDArray[np.float64]
_Couple = Callable[[Array], tuple[Array, Array]]  # a process's ``couple`` with another one

# After this many steps, this many starts go on. The last stage ends when it gains no more.
_RACE = ((6, 6), (30, 2), (1000, 1))
_TOLERANCE = 1e-8  # gain of a step, over the squared distance that is left
_MOST_NUMBERS = 4096  # time steps x units (x memory): a factor of all covariances takes 64 MiB


@dataclass(frozen=True)
class CausalOT(Metric):
    r"""Causal optimal transport distance between two noisy processes, after the best rotation of the units.

    .. math:: d_\text{angular} = \min_{Q \in O(n)} \arccos \frac{\langle m, m' Q^\top\rangle
                + \sum_t \|(L^\top (I \otimes Q) L')_{tt}\|_*}{s\, s'}, \quad s^2 = \|m\|^2 + \|L\|_F^2

    .. math:: d_\text{size-and-shape} = \min_{Q \in O(n)} \sqrt{\|m - m' Q^\top\|^2 + \|L\|_F^2 + \|L'\|_F^2
                - 2 \sum_t \|(L^\top (I \otimes Q) L')_{tt}\|_*}

    The second is the distance of Nejatbakhsh, Geadah, Williams & Lipshutz 2025 (arXiv 2412.14421), in the unit of the
    states, its square summed over time steps and units; the first is the same for processes over their size s, whose
    square is the mean squared norm of a trial, as an angle: d² = s² + s'² - 2 s s' cos θ. Units are centred over all
    trials and time steps. Each is the distance between orbits of a group of isometries, so the triangle inequality
    holds at the optimum.

    **All trials of a system are taken for draws of one process**: its mean is the mean over trials, and whatever
    differs between trials is noise. Compare one condition at a time if conditions are not to count as noise. Trials
    need no partner in the other system and may differ in number; the time steps must match. Of the processes only
    means and covariances are looked at, but, unlike by distances that compare one moment at a time, how fluctuations
    are passed on in time.

    ``memory`` says how covariances are estimated. With 1, the state depends on the past through the state before,
    X_t = A_t X_{t-1} + b_t + noise, fitted by least squares at each time step: more trials than units are needed. With
    k it depends on the k states before, and with None on all (the covariance of the trials as it is): more trials than
    memory x units are needed.

    Two samples of one process are not at 0, but farther apart the fewer the trials and the more the units. Of a noisy
    linear system, two samples of 200 trials were 0.14 apart with 5 units (two systems: 0.75), and 0.26 with 20 units
    (two systems: 0.43), on the unit scale; it falls as 1 / sqrt(trials). The halves of the trials of one system show it
    for your data, and few components of the units make it small.

    The rotation is found by alternating between the best coupling and the best rotation, which never lets the distance
    grow, from several starts: principal axes matched to principal axes, the best rotation of the means, and random
    ones. What is found is an upper bound, seldom 0.001 above the least one; more starts find that more surely. Time
    grows as time steps x units³: seconds for 100 x 20, most of a minute for 100 x 40.

    Parameters
    ----------
    memory : int or None
        Number of past states on which the present one depends, or None for all of them.
    distance : {"angular", "size-and-shape"}
    scale : {"unit", "radians"}
        Of the angle; ``unit`` is the angle over pi/2, from 0 to 1.
    starts : int
        Starting points of the rotation.
    seed : int
        Seed of the random ones among them.

    Raises
    ------
    DynalignError
        For parameters that are unknown or out of range, or radians of a distance that is no angle.
    """

    memory: int | None = 1
    distance: Literal["angular", "size-and-shape"] = "angular"
    scale: Scale = "unit"
    starts: int = 32
    seed: int = 0

    name: ClassVar[str] = "causal_ot"
    title: ClassVar[str] = "Causal OT"
    full_title: ClassVar[str] = "Causal optimal transport distance"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "dynamics"
    about: ClassVar[str] = (
        "Takes the trials of each network for draws of one noisy process, and measures the angle between the two "
        "processes after the best rotation and the best coupling of their noise that does not look ahead."
    )
    blind_spot: ClassVar[str] = (
        "Everything beyond means and covariances; and which condition a trial is of: whatever differs between trials "
        "counts as noise. With few trials even two samples of one process are apart."
    )
    needs_matched_trials: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_distance(self.distance, self.scale, ("angular", "size-and-shape"))
        if self.memory is not None and self.memory < 1:
            raise DynalignError(f"CausalOT needs memory >= 1, or None for all past states, not {self.memory}.")
        if self.starts < 1:
            raise DynalignError(f"CausalOT needs starts >= 1, not {self.starts}.")

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Rotation, translation, and scale unless ``distance`` is size-and-shape."""
        shape = super().invariances
        return shape - {"scale"} if self.distance == "size-and-shape" else shape

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> _Process:
        """Return the process of which the trials of ``x`` (trials, time, units) are draws, of size 1.

        Raises
        ------
        DynalignError
            If ``x`` is unfit for any metric, has too few trials for its memory and units, or is too large.
        """
        states, unit = check_states(x, where=where, metric=self.title)
        trials, time, _ = states.shape
        states = _principal(states, 10 * precision(x))
        units = states.shape[-1]
        memory = time - 1 if self.memory is None else min(self.memory, time - 1)
        if time * units * (1 if self.memory is None else memory) > _MOST_NUMBERS:
            raise DynalignError(
                f"{where} has {time} time steps of {units} units, but CausalOT takes {_MOST_NUMBERS} numbers at most "
                "(time steps x units, times the memory if that is a number); use fewer of them."
            )
        norm = float(np.linalg.norm(states)) / math.sqrt(trials)
        if self.distance == "size-and-shape":
            check_size(norm * unit, where)
        states /= norm
        mean = states.mean(axis=0)
        fluctuations = (states - mean) / math.sqrt(trials)
        fit = _fit_full if self.memory is None else partial(_fit_markov, memory=max(memory, 1))
        process = fit(mean, norm * unit, fluctuations, 10 * precision(x) / norm)
        if process is None:
            raise DynalignError(
                f"{where} has too few trials ({trials}) for {units} units and a memory of {memory} time steps: its "
                f"past predicts every trial perfectly; use more than {memory * units + 1} (far more for a sound "
                "estimate), fewer units, or less memory."
            )
        return process

    def distances(self, pairs: Sequence[tuple[_Process, _Process]]) -> npt.NDArray[np.float64]:
        """Return the distance of each pair."""
        return np.array([self._distance(x, y) for x, y in pairs])

    def _distance(self, x: _Process, y: _Process) -> float:
        if len(x.mean) != len(y.mean):
            raise DynalignError(
                f"x has {len(x.mean)} time steps and y has {len(y.mean)}; this metric compares moment by moment and "
                "needs the same time steps in both."
            )
        # One order for (x, y) and (y, x), so that both give exactly the same number; the larger system comes first.
        x, y = sorted((x, y), key=_order)
        couple = partial(x.couple, y)
        rotation = _best_rotation(couple, _starting_points(x.mean, y.mean, self.starts, self.seed))
        _, turns = couple(rotation[None])
        gap = _gap(x, y, rotation, turns[:, 0])
        if self.distance == "angular":
            return angle_of_gap(gap, self.scale)
        return distance_with_sizes(gap, x.size, y.size)


# --- from trials to a process -------------------------------------------------------------------------------------


class _Process(abc.ABC):
    """A Gaussian process X = mean + L ε of size 1."""

    mean: Array
    """Shape (time, units)."""
    size: float
    """Root of the mean squared norm of a trial, in the unit of the states."""

    @abc.abstractmethod
    def rows(self) -> Iterator[Array]:
        """Yield the blocks of L that belong to each time step t: (units, t + 1, noise)."""

    @abc.abstractmethod
    def couple(self, other: Any, rotations: Array) -> tuple[Array, Array]:
        """Couple this process with ``other`` of the same kind, turned by ``rotations`` (starts, units, its units).

        Returns
        -------
        overlaps : array, shape (starts, units, units of other)
            The cross-covariance of the two over all times at the best coupling, whose inner product with the rotation
            is the overlap, and which is also the overlap's derivative.
        turns : array, shape (time, starts, units, units of other)
            How the best coupling turns the noise: ε = turn ε'.
        """


@dataclass(frozen=True)
class _Markov(_Process):
    """A process whose state depends on the last few states.

    The state vector of time t holds the last ``memory`` states, newest first, and is maps[t] times that of t - 1.
    """

    mean: Array
    size: float
    maps: Array
    """(time, memory x units, memory x units); the first is not used."""
    noise: Array
    """L_tt, shape (time, units, units)."""

    def rows(self) -> Iterator[Array]:
        length, units = self.maps.shape[1], self.mean.shape[1]
        factor = np.empty((length, 0, units))
        for step, noise in zip(self.maps, self.noise, strict=True):
            new = np.zeros((length, 1, units))
            new[:units, 0] = noise
            factor = np.concatenate([np.tensordot(step, factor, 1), new], axis=1)
            yield factor[:units]

    def couple(self, other: _Markov, rotations: Array) -> tuple[Array, Array]:
        starts, units, others = rotations.shape
        time = len(self.mean)
        corner = np.s_[:, :units, :others]  # the newest states
        # From the end: how much all later states gain from a coupling of the states at t.
        gains = np.zeros((starts, self.maps.shape[1], other.maps.shape[1]))
        blocks = np.empty((time, starts, units, others))
        for t in reversed(range(time)):
            gains[corner] += rotations
            blocks[t] = self.noise[t].T @ gains[corner] @ other.noise[t]
            gains = self.maps[t].T @ gains @ other.maps[t]
        turns = _polar(blocks)
        # From the start: the cross-covariance of the states at t.
        overlaps = np.broadcast_to(self.mean.T @ other.mean, rotations.shape).copy()
        covariance = np.zeros_like(gains)
        for t in range(time):
            covariance = self.maps[t] @ covariance @ other.maps[t].T
            covariance[corner] += self.noise[t] @ turns[t] @ other.noise[t].T
            overlaps += covariance[corner]
        return overlaps, turns


@dataclass(frozen=True)
class _Full(_Process):
    """A process whose state depends on all states before, by its block Cholesky factor."""

    mean: Array
    size: float
    columns: list[Array]
    """Blocks L_st with s >= t, for each t: (units, time - t, units)."""

    def rows(self) -> Iterator[Array]:
        for s in range(len(self.mean)):
            yield np.stack([column[:, s - t] for t, column in enumerate(self.columns[: s + 1])], axis=1)

    def couple(self, other: _Full, rotations: Array) -> tuple[Array, Array]:
        starts, units, others = rotations.shape
        blocks = np.empty((len(self.mean), starts, units, others))
        for t, (column, its) in enumerate(zip(self.columns, other.columns, strict=True)):
            turned = rotations @ its.reshape(others, -1)
            blocks[t] = column.reshape(-1, units).T @ turned.reshape(starts, -1, others)
        turns = _polar(blocks)
        overlaps = np.broadcast_to(self.mean.T @ other.mean, rotations.shape).copy()
        for column, its, turn in zip(self.columns, other.columns, turns, strict=True):
            turned = column.reshape(-1, units) @ turn
            overlaps += turned.reshape(starts, units, -1) @ its.reshape(others, -1).T
        return overlaps, turns


def _principal(states: States, rounding: float) -> States:
    """Return ``states`` along their principal axes, without those that are no larger than ``rounding`` per entry.

    Axes point to where the third moment is positive, so that turned systems give the same numbers.
    """
    rows = states.reshape(-1, states.shape[-1])
    scores, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    floor = max(rounding * np.sqrt(rows.shape).sum(), max(rows.shape) * np.finfo(np.float64).eps * sizes[0])
    keep = max(int((sizes > floor).sum()), 1)
    scores = scores[:, :keep]
    signs = np.where((scores**3).sum(axis=0) < 0, -1.0, 1.0)
    principal: States = (scores * (signs * sizes[:keep])).reshape(*states.shape[:2], keep)
    return principal


def _fit_markov(mean: Array, size: float, fluctuations: Array, rounding: float, *, memory: int) -> _Markov | None:
    """Fit by least squares; None if the trials are too few. See ``_fit_full``."""
    trials, time, units = fluctuations.shape
    maps = np.zeros((time, memory * units, memory * units))
    maps[1:, units:, :-units] = np.eye((memory - 1) * units)
    noise = np.zeros((time, units, units))
    for t in range(time):
        residual = fluctuations[:, t]
        if t > 0:
            past = fluctuations[:, max(t - memory, 0) : t][:, ::-1].reshape(trials, -1)
            basis, sizes, axes = _significant(past, rounding)
            if len(sizes) >= trials - 1:  # centred trials span no more
                return None
            explained = basis.T @ residual
            maps[t, :units, : past.shape[1]] = explained.T @ (axes / sizes[:, None])
            residual = residual - basis @ explained
        _, sizes, axes = np.linalg.svd(residual, full_matrices=False)
        noise[t, :, : len(sizes)] = axes.T * sizes
    return _Markov(mean, size, maps, noise)


def _fit_full(mean: Array, size: float, fluctuations: Array, rounding: float) -> _Full | None:
    """Return the process of exactly the covariance of the trials; None if the trials are too few.

    Parameters
    ----------
    mean : array, shape (time, units)
    size : float
    fluctuations : array, shape (trials, time, units)
        What is left of each trial without the mean, over the root of the number of trials.
    rounding : float
        Size of rounding errors in the states.
    """
    trials, time, units = fluctuations.shape
    basis: Array = np.empty((trials, 0))  # the noise of each trial at all times so far
    columns: list[Array] = []
    for t in range(time):
        if basis.shape[1] >= trials - 1:
            return None
        residual = fluctuations[:, t]
        for _ in range(2):  # the second time takes away what rounding has left
            residual = residual - basis @ (basis.T @ residual)
        # A direction without noise of its own gets a column of zeros: no later state can depend on it.
        noise, sizes, axes = _significant(residual, rounding)
        column = np.zeros((units, time - t, units))
        column[:, 0, : len(sizes)] = axes.T * sizes
        column[:, 1:, : len(sizes)] = np.tensordot(fluctuations[:, t + 1 :], noise, (0, 0)).swapaxes(0, 1)
        basis = np.concatenate([basis, noise], axis=1)
        columns.append(column)
    return _Full(mean, size, columns)


def _significant(rows: Array, rounding: float) -> tuple[Array, Array, Array]:
    """Return the singular value decomposition without what rounding errors alone may have made."""
    left, sizes, right = np.linalg.svd(rows, full_matrices=False)
    keep = sizes > rounding * (1 + math.sqrt(rows.shape[1] / rows.shape[0]))
    return left[:, keep], sizes[keep], right[keep]


# --- the best rotation --------------------------------------------------------------------------------------------


def _polar(matrices: Array) -> Array:
    """Return the orthogonal factors: the rotations whose inner products with the matrices are largest."""
    left, _, right = np.linalg.svd(matrices, full_matrices=False)
    factors: Array = left @ right
    return factors


def _starting_points(x: Array, y: Array, starts: int, seed: int) -> Array:
    """Return (starts, units of x, units of y) for two means (time, units): informed ones, then random ones.

    Half of the random ones only mirror principal axes, which are the axes of the units here.
    """
    rng = np.random.default_rng(seed)
    axes = np.eye(x.shape[1], y.shape[1])
    points = [axes, _polar(x.T @ y)]
    while len(points) < starts:
        points.append(axes * rng.choice([-1.0, 1.0], size=axes.shape[1]))
        points.append(_polar(rng.normal(size=axes.shape)))
    return np.stack(points[:starts])


def _best_rotation(couple: _Couple, points: Array) -> Array:
    """Race from all starting points; return the winner, shape (units of x, units of y)."""
    for iterations, keep in _RACE:
        points, overlaps = _climb(couple, points, iterations)
        # Overlaps, at most 1, that differ by rounding are equal: then the first start goes on, exact for the same.
        points = points[np.argsort(-overlaps.round(14), kind="stable")[:keep]]
    winner: Array = points[0]
    return winner


def _climb(couple: _Couple, points: Array, iterations: int) -> tuple[Array, Array]:
    """Raise the overlap from each point; return where that led, and the overlaps there.

    A step takes the best coupling at a point, and the best rotation for this coupling. It is made from a point that
    lies ahead, as in Nesterov's method, unless that would lower the overlap: the plain step never does, because the
    overlap is the maximum over couplings of functions that are linear in the rotation.
    """
    gradient, _ = couple(points)
    overlaps = (points * gradient).sum(axis=(1, 2))
    previous, age, idle = points, np.zeros(len(points)), 0
    for _ in range(iterations):
        steps = _polar(gradient)
        ahead = _polar(steps + (age / (age + 3))[:, None, None] * (steps - previous))
        new_gradient, _ = couple(ahead)
        new_overlaps = (ahead * new_gradient).sum(axis=(1, 2))
        age += 1
        worse = new_overlaps < overlaps
        if worse.any():
            ahead[worse], age[worse] = steps[worse], 0
            new_gradient[worse], _ = couple(steps[worse])
            new_overlaps[worse] = (steps[worse] * new_gradient[worse]).sum(axis=(1, 2))
        gains = new_overlaps - overlaps
        previous, points, gradient, overlaps = steps, ahead, new_gradient, new_overlaps
        idle = idle + 1 if (gains <= _TOLERANCE * (1 - overlaps) + 1e-15).all() else 0
        if idle == 3:
            break
    return points, overlaps


def _order(process: _Process) -> tuple[int, list[float], list[float]]:
    """Return numbers that order processes, the largest first, and do not depend on their coordinates."""
    variances = np.square(next(process.rows())).sum(axis=(1, 2))
    return -process.mean.shape[1], variances.tolist(), process.mean.ravel().tolist()


def _gap(x: _Process, y: _Process, rotation: Array, turns: Array) -> float:
    """Return the root of the mean squared distance of the coupled processes, both of size 1.

    Summed over the squares of differences, which keeps the digits near 0 that a difference of sums would cancel.
    """
    total = float(np.square(x.mean - y.mean @ rotation.T).sum())
    for row_x, row_y in zip(x.rows(), y.rows(), strict=True):
        turned = row_y.swapaxes(0, 1) @ turns[: row_y.shape[1]].swapaxes(1, 2)  # (t + 1, units of y, noise of x)
        total += float(np.square(row_x.swapaxes(0, 1) - rotation @ turned).sum())
    return math.sqrt(total)
