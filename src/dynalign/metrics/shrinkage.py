r"""How much of a recording is noise, judged by what cannot be foreseen.

Whatever noise is on a state, no prediction of it from the states before can do better than that noise: its variance is
at most the error of the best linear prediction, the innovation (Ljung 1999, System Identification, section 4.2). For
white noise on the observation of smooth dynamics the bound is nearly tight. A direction of the delay vectors whose
variance is no larger than the noise may be all noise; of another one the share 1 - noise / variance is signal. That is
the shrinkage of a Wiener filter. Shrinking singular values instead of cutting them is what is best under noise (Gavish
& Donoho 2017, arXiv 1405.7511), and it has no threshold at which a distance jumps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dynalign.metrics.delays import Blocks, Embedding, cut, flat

_EXACT = 1e-8  # of the variance: what is smaller counts as noise, whatever the data say; no recording is more exact
_DIRECTION = 1e-10  # of the largest variance of states in any direction: what is smaller is no direction
_REGRESSOR = 1e-7  # of the largest singular value: a direction that is smaller is no regressor
_PENALTY = 1e-13  # on the squares of the prediction's coefficients, as a share of the sum of squares


def noise_edge(states: Blocks, embedding: Embedding, gram: Tensor, values: Tensor, axes: Tensor) -> Tensor:
    """Return the variance up to which a direction of the delay vectors may be all noise.

    Gradients flow from it to the states. Noise of variance s² on every direction of the states spreads over the
    directions of finitely many delay vectors: the largest gets up to s² (1 + sqrt(directions / delay vectors))²
    (Marchenko & Pastur 1967).

    Parameters
    ----------
    states : tensors of shape (trials, time, units)
        Centred.
    gram : Tensor, shape (n_delays units, n_delays units)
        Inner products of the coordinates of all delay vectors.
    values : Tensor, shape (directions,)
        Singular values of the delay vectors, the largest first.
    axes : Tensor, shape (n_delays units, directions)
        Their directions.
    """
    steps = embedding.count(states)
    rows = embedding.count(cut(states, 0, 1))
    last = embedding.rows([block[:, -((embedding.n_delays - 1) * embedding.interval + 1) :] for block in states])
    newest = embedding.newest(states)
    own, shared = gram - last.mT @ last, embedding.products(cut(states, 0, 1), newest)
    dimensions = regressors = int((values > _REGRESSOR * values[0]).sum())
    if rows < 2 * regressors:  # not so many that they fit anything
        regressors = max(1, rows // 2)
        basis = axes[:, :regressors].detach()
        own, shared = basis.mT @ own @ basis, basis.mT @ shared
    # At the best prediction its own change does not matter to first order, so that it is held fixed. Smooth states are
    # foreseen by their differences, which are small: hence the penalty just above rounding errors.
    penalty = _PENALTY * own.diagonal().sum() * torch.eye(len(own), dtype=own.dtype, device=own.device)
    best = torch.linalg.solve((own + penalty).detach(), shared.detach())
    error = newest.square().sum() - 2 * (best * shared).sum() + (best * (own @ best)).sum()
    every = torch.cat([flat(block) for block in states]).detach()
    spread = torch.linalg.eigvalsh(every.mT @ every)
    directions = int((spread > _DIRECTION * spread[-1]).sum())
    innovation = error / max(rows - regressors, 1) / directions
    variance = torch.maximum(innovation, _EXACT * gram.diagonal().sum() / steps)
    return variance * (1 + math.sqrt(dimensions / steps)) ** 2
