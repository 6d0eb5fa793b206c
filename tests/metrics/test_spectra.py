"""The distance of two spectra, by hand and through its gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import gradcheck

from dynalign.metrics.spectra import wasserstein


def complexes(*values: complex) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.complex128)


def test_by_hand() -> None:
    assert wasserstein(complexes(0, 1), complexes(1, 3j)).item() == pytest.approx(3 / math.sqrt(2))
    assert wasserstein(complexes(0, 1), complexes(1, 0)).item() == 0


def test_sizes_may_differ() -> None:
    """Half of the single eigenvalue goes 1 far, and half 3; of three, each takes two thirds of one of two."""
    assert wasserstein(complexes(0), complexes(1, 3j)).item() == pytest.approx(math.sqrt(5))
    assert wasserstein(complexes(0, 0, 3), complexes(0, 3)).item() == pytest.approx(math.sqrt(9 / 6))


def test_gradient() -> None:
    p, q = complexes(1, 2j, -1), complexes(0.5, 1.5j, -2 + 1j)
    assert gradcheck(wasserstein, (p.requires_grad_(), q.requires_grad_()))
