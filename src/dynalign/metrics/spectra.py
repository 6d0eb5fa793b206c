"""How far apart two spectra lie in the complex plane."""

from __future__ import annotations

import math

import scipy.optimize
import torch
from torch import Tensor


def wasserstein(p: Tensor, q: Tensor) -> Tensor:
    """Return the 2-Wasserstein distance W2 (not squared) of two spectra, in which each eigenvalue weighs the same.

    It is the root mean squared distance of optimally matched eigenvalues, and gradients flow through it. Spectra of
    different sizes are matched exactly too: each eigenvalue stands for as many equal parts as make the sizes equal.

    Parameters
    ----------
    p, q : Tensor, complex, shapes (n,) and (m,)
    """
    size = math.lcm(len(p), len(q))
    p, q = (spectrum.repeat_interleave(size // len(spectrum)) for spectrum in (p, q))
    apart = (p[:, None] - q[None, :]).abs()
    rows, columns = scipy.optimize.linear_sum_assignment(apart.detach().cpu().numpy() ** 2)
    distance: Tensor = torch.linalg.vector_norm(apart[rows, columns]) / math.sqrt(size)
    return distance
