"""Eigenvalues, time constants and frequencies of matrices whose spectrum is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dynalign.dynamics import spectral_distance, spectrum, time_constants
from dynalign.errors import DynalignError


def test_a_turning_decay() -> None:
    """Decays with 100 ms while it turns 5 times per second; and one direction that is gone at once."""
    turn = 2 * math.pi * 5 * 0.020
    matrix = np.zeros((3, 3))
    matrix[1:, 1:] = math.exp(-20 / 100) * np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    )
    found = spectrum(matrix, dt=20)
    np.testing.assert_allclose(found.time_constants, [100, 100, 0], rtol=1e-10)
    np.testing.assert_allclose(found.frequencies, [5, 5, 0], rtol=1e-10)
    assert np.abs(found.eigenvalues).tolist() == sorted(np.abs(found.eigenvalues), reverse=True)


def test_time_constants_that_do_not_decay() -> None:
    np.testing.assert_allclose(time_constants([1, -1, 0, math.e, 1 / math.e], dt=20), [np.inf, np.inf, 0, -20, 20])


def test_distance_of_spectra() -> None:
    assert spectral_distance([1, 1j], [1j, 1]) == 0
    assert spectral_distance([0], [3, 4j]) == pytest.approx(math.sqrt(12.5))


def test_bad_input() -> None:
    with pytest.raises(DynalignError, match=r"finite square matrix, not of one of shape \(2, 3\)"):
        spectrum(np.zeros((2, 3)), dt=20)
    with pytest.raises(DynalignError, match=r"dt=0.* must be greater than 0"):
        time_constants([0.5], dt=0)
    with pytest.raises(DynalignError, match=r"Eigenvalues b must be finite"):
        spectral_distance([1], [])
