"""Eigenvalues of one step of a network, as the time constants and frequencies that they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics.spectra import wasserstein

Floats = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The eigenvalues of a step, the slowest to decay first.

    Attributes
    ----------
    eigenvalues : complex array, shape (n,)
        In descending order of their absolute values.
    time_constants : array, shape (n,)
        In ms; see ``time_constants``.
    frequencies : array, shape (n,)
        In Hz, not negative: how often per second a mode turns. Half a turn per step, the most that can be told, is
        what negative eigenvalues make.
    """

    eigenvalues: Complex
    time_constants: Floats
    frequencies: Floats


def spectrum(matrix: npt.ArrayLike, dt: float) -> Spectrum:
    """Return the spectrum of a step.

    Parameters
    ----------
    matrix : array, shape (n, n)
        Derivative of the next state by this one.
    dt : float
        Time step, in ms.

    Raises
    ------
    DynalignError
        If the matrix is not square or not finite, or ``dt`` is not greater than 0.
    """
    array = np.asarray(matrix, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0 or not np.isfinite(array).all():
        raise DynalignError(f"A spectrum is that of a finite square matrix, not of one of shape {array.shape}.")
    eigenvalues = np.linalg.eigvals(array).astype(np.complex128)
    eigenvalues = eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]
    turns = np.abs(np.angle(eigenvalues)) / (2 * math.pi)  # per step
    return Spectrum(eigenvalues, time_constants(eigenvalues, dt), turns / (dt / 1000))


def time_constants(eigenvalues: npt.ArrayLike, dt: float) -> Floats:
    r"""Return :math:`-dt / \log|\lambda|` of every eigenvalue of a step, in ms.

    Negative for a mode that grows, infinite for one that stays, and 0 for one that is gone in one step.

    Raises
    ------
    DynalignError
        If ``dt`` is not greater than 0.
    """
    if not dt > 0:
        raise DynalignError(f"dt={dt}, the time step in ms, must be greater than 0.")
    with np.errstate(divide="ignore"):
        rate = np.log(np.abs(np.asarray(eigenvalues, dtype=np.complex128)))
        constants = np.where(rate == 0, np.inf, -dt / rate)
    return np.asarray(constants + 0.0)  # so that no 0 is negative


def spectral_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Return the 2-Wasserstein distance of two sets of eigenvalues, each eigenvalue of its set weighing the same.

    Parameters
    ----------
    a, b : complex arrays, shapes (n,) and (m,)
        Those of networks of different sizes may be compared.

    Raises
    ------
    DynalignError
        If one is empty, not flat or not finite.
    """
    tensors = []
    for where, values in (("a", a), ("b", b)):
        array = np.asarray(values, dtype=np.complex128)
        if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
            raise DynalignError(f"Eigenvalues {where} must be finite and of shape (n,), n > 0, not {array.shape}.")
        tensors.append(torch.from_numpy(array))
    return wasserstein(*tensors).item()
