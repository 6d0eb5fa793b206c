r"""Dynamic mode decomposition of delay-embedded states: one linear operator per system.

Delay vectors :math:`(x_t, x_{t-\tau}, \ldots, x_{t-(d-1)\tau})` are gathered over time, within each trial; their matrix
:math:`H = V S W^\top` is cut to ``rank`` singular directions; and the operator is the least-squares map from
:math:`v_t` to :math:`v_{t+1}` in these coordinates (HAVOK: Brunton et al. 2017, arXiv 1608.05306; as
used by DSA: Ostrow et al. 2023, arXiv 2306.10168, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.metrics.base import States

Matrix = npt.NDArray[np.float64]

# The Gram route squares the singular values: below this share of the largest one it has lost half of its digits.
_GRAM_RANGE = 1e-5


@dataclass(frozen=True)
class HankelDMD:
    """A fitted operator and how far it can be trusted.

    Attributes
    ----------
    operator : array, shape (rank, rank)
        Maps whitened coordinates of the delay embedding one time step on; zero in directions without data.
    kept_rank : int
        Directions that hold data; ``rank``, unless the data have fewer.
    explained_variance : float
        Share of the delay embedding's variance that these directions hold.
    prediction_error : float
        Mean squared error of the operator one step on, over that of predicting no change (persistence).
    """

    operator: Matrix
    kept_rank: int
    explained_variance: float
    prediction_error: float


def delay_embed(states: States, n_delays: int, delay_interval: int) -> States:
    """Return the delay vectors (trials, time - (n_delays - 1) delay_interval, n_delays units), newest first."""
    time = states.shape[1] - (n_delays - 1) * delay_interval
    starts = [(n_delays - 1 - k) * delay_interval for k in range(n_delays)]
    return np.concatenate([states[:, start : start + time] for start in starts], axis=-1)


def fit_hankel_dmd(
    states: States,
    *,
    n_delays: int,
    delay_interval: int,
    rank: int,
    ridge: float,
    rounding: float,
    where: str = "x",
) -> HankelDMD:
    """Fit the operator of one system.

    Parameters
    ----------
    states : array, shape (trials, time, units)
        Checked and centred.
    ridge : float
        Penalty on the squared norm of the operator; the coordinates have unit norm over all delay vectors.
    rounding : float
        Relative rounding error of the data; directions whose singular value is smaller hold no data.

    Raises
    ------
    DynalignError
        If the trials are too short for the delays, or ``rank`` exceeds the dimension of the embedding.
    """
    trials, time, units = states.shape
    needed = (n_delays - 1) * delay_interval + 2
    if time < needed:
        longest = (time - 2) // delay_interval + 1
        remedy = f"use n_delays <= {longest}" if longest >= 1 else "dynamics need at least 2"
        raise DynalignError(
            f"{where} has {time} time steps per trial, too few for n_delays={n_delays} at "
            f"delay_interval={delay_interval}, which need at least {needed}; {remedy}."
        )
    if rank > n_delays * units:
        raise DynalignError(
            f"rank={rank} exceeds the {n_delays * units} dimensions of {where}'s delay embedding ({units} units x "
            f"{n_delays} delays); use rank <= {n_delays * units}, or more delays."
        )
    embedded = delay_embed(states, n_delays, delay_interval)
    rows = embedded.reshape(-1, embedded.shape[-1])
    values, axes = _leading_directions(rows, rank)
    total = float(np.square(rows).sum())
    floor = max(rounding, max(rows.shape) * np.finfo(np.float64).eps) * values[0]
    kept = int((values > floor).sum())
    values, axes = values[:kept], axes[:, :kept]
    whitened = (rows @ axes / values).reshape(trials, -1, kept)
    before = whitened[:, :-1].reshape(-1, kept)
    after = whitened[:, 1:].reshape(-1, kept)
    if ridge > 0:
        solution = np.linalg.solve(before.T @ before + ridge * np.eye(kept), before.T @ after)
    else:
        solution = np.linalg.lstsq(before, after, rcond=None)[0]
    operator = np.zeros((rank, rank))
    operator[:kept, :kept] = solution.T
    # Errors in the units of the data: a direction counts by its share of the variance.
    error = np.square((after - before @ solution) * values).sum()
    persistence = np.square((after - before) * values).sum()
    return HankelDMD(
        operator=operator,
        kept_rank=kept,
        explained_variance=float(np.square(values).sum() / total),
        prediction_error=float(error / persistence) if persistence > 0 else 0.0,
    )


def _leading_directions(rows: Matrix, rank: int) -> tuple[Matrix, Matrix]:
    """Return the ``rank`` largest singular values of ``rows`` and their right singular vectors (columns)."""
    rank = min(rank, *rows.shape)
    squares, axes = np.linalg.eigh(rows.T @ rows)
    squares, axes = squares[::-1][:rank], axes[:, ::-1][:, :rank]
    if squares[-1] > (_GRAM_RANGE**2) * squares[0]:
        return np.sqrt(squares), axes
    _, values, rights = np.linalg.svd(rows, full_matrices=False)
    return values[:rank], rights[:rank].T
