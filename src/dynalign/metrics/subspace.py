r"""Subspace identification: the states behind what is seen of a driven system, and the operators that move them.

Of a linear system of which only :math:`y_t = G x_t` is seen, with :math:`x_{t+1} = A x_t + B u_{t+1}`, a window of the
future holds

.. math:: (y_t, \ldots, y_{t+f-1}) = \Gamma x_t + T\,(u_{t+1}, \ldots, u_{t+f}), \quad
          \Gamma = (G, G A, \ldots, G A^{f-1}),

and :math:`x_t` is a matter of the past alone, of outputs and inputs. So what of the future is explained by the past
beside the inputs of the future, its oblique projection along them, is :math:`\Gamma x_t`, whose singular vectors are
states: as many as it has directions. A and B are then the least-squares fit between neighbouring states. This is N4SID
(Van Overschee & De Moor 1994, Automatica 30, theorem 12 and algorithm 1 of section 5) with windows of one length for
past and future, as the package dsa-metric takes it for InputDSA (Huang, Ostrow et al. 2025, arXiv 2510.25943).

A state has no coordinates of its own. Whitened ones spread alike in all directions, which depends on the inputs. Those
in which a state is as long as what it leads to, :math:`\|\Gamma x_t\|`, depend on the system alone, up to rotation.

Windows run within trials; each needs ``2 window`` time steps and one more of inputs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.metrics.control import drive_of
from dynalign.metrics.delays import Blocks, Embedding, flat
from dynalign.metrics.hankel_dmd import HankelDMD, Rank, step_error, wanted_rank


class _Windows(NamedTuple):
    """Windows of all trials and steps, one a row."""

    past: Tensor
    future: Tensor
    future_inputs: Tensor


def moments(states: Blocks, window: int) -> int:
    """Return how many states are found behind ``states``, over all trials that are long enough."""
    return sum(len(block) * (block.shape[1] - 2 * window) for block in _long(states, window))


def fit_subspace(
    states: Blocks,
    inputs: Blocks,
    *,
    window: int,
    rank: Rank,
    ridge: float,
    rounding: float,
    where: str = "x",
) -> HankelDMD:
    """Identify one system.

    The result is a ``HankelDMD`` whose "delay vectors" are the projected futures, (window units,) each.

    Parameters
    ----------
    states : tensors, float64, of shape (trials, time, units)
        What is seen of the system; checked and centred; trials of one length in one tensor.
    inputs : tensors, float64, of shape (trials, time, channels)
        What drove it in the step to the state of the same index; checked and centred, all of about one size.
    window : int
        Time steps of past, and of future, at each moment.
    rank : int, float or "optimal"
        States to find; as in ``fit_hankel_dmd``, of the singular values of the projected futures.
    ridge : float
        Penalty on the squared norm of A, in states of unit norm over all moments.
    rounding : float
        Relative rounding error of the data; directions that are smaller hold no data.

    Raises
    ------
    DynalignError
        If the trials are too short for two windows and a step, ``rank`` exceeds the size of a window, or the past says
        nothing of the future.
    """
    time, units = max(block.shape[1] for block in states), states[0].shape[2]
    if time < 2 * window + 2:
        longest = (time - 2) // 2
        raise DynalignError(
            f"{where} has {time} time steps per trial, too few for a past and a future of n_delays={window}, which "
            f"need at least {2 * window + 2}; " + (f"use n_delays <= {longest}." if longest else "use fit=dmdc.")
        )
    if isinstance(rank, int) and rank > window * units:
        raise DynalignError(
            f"rank={rank} exceeds the {window * units} dimensions of {where}'s future ({units} units x {window} "
            f"delays); use rank <= {window * units}, or more delays."
        )
    windows = _windows(states, inputs, window)
    floor = _floor(windows, rounding)
    projected = _oblique(windows, floor)
    left, values, axes = torch.linalg.svd(projected, full_matrices=False)
    if values[0] <= floor * torch.linalg.matrix_norm(windows.future):
        raise DynalignError(f"The past of {where} says nothing of its future, so that no states are found behind it.")
    kept = int(
        (values[: wanted_rank(values, rank, (projected.shape[0], projected.shape[1]))] > floor * values[0]).sum()
    )
    operator, input_operator = _least_squares(
        _steps(left[:, :kept], states, window), _acting(inputs, window), ridge, floor
    )
    size = rank if isinstance(rank, int) else kept
    return HankelDMD(
        operator=torch.nn.functional.pad(operator, (0, size - kept, 0, size - kept)),
        input_operator=torch.nn.functional.pad(input_operator, (0, 0, 0, size - kept)),
        whitening=axes[:kept].mT / values[:kept],
        kept_rank=kept,
        explained_variance=float(values[:kept].square().sum() / values.square().sum()),
        span=float(torch.log10(values[0] / values[kept - 1])),
        reliability=torch.eye(kept, dtype=operator.dtype, device=operator.device),
        unexplained=math.nan,
    )


def prediction_error(fit: HankelDMD, states: Blocks, inputs: Blocks, *, window: int, rounding: float) -> float:
    """Return the mean squared error of the found states one step on, over that of predicting no change."""
    windows = _windows(states, inputs, window)
    projected = _oblique(windows, _floor(windows, rounding))
    return step_error(fit, *_steps(projected, states, window), _acting(inputs, window))


def _long(blocks: Blocks, window: int) -> list[Tensor]:
    """Return the trials that are long enough for two windows and a step."""
    return [block for block in blocks if block.shape[1] >= 2 * window + 2]


def _windows(states: Blocks, inputs: Blocks, window: int) -> _Windows:
    """Cut trials into windows: step j has outputs j to j + w - 1 as its past, and the w next ones as its future.

    An input belongs to the output from which it leads on, the one before its own time step.
    """
    states, inputs = _long(states, window), _long(inputs, window)
    # Over the length of a state, so that no unit of the states decides what is shortest.
    length = torch.cat([block.square().sum(-1).flatten() for block in states]).mean().sqrt()
    embedding = Embedding(2 * window, 1)
    outputs = embedding.rows([block[:, :-1] for block in states])
    leading = embedding.rows([block[:, 1:] for block in inputs])
    seen, channels = window * states[0].shape[2], window * inputs[0].shape[2]
    past = torch.cat([leading[:, :channels], outputs[:, :seen] / length], dim=1)
    return _Windows(past, outputs[:, seen:], leading[:, channels:])


def _acting(inputs: Blocks, window: int) -> Tensor:
    """Return the inputs (steps, channels) that lead from each state that is found to the next."""
    return torch.cat([flat(block[:, window + 1 : block.shape[1] - window]) for block in _long(inputs, window)])


def _steps(found: Tensor, states: Blocks, window: int) -> tuple[Tensor, Tensor]:
    """Return those of the rows found, one a moment of the trials, that have a next one; and the next ones."""
    long = _long(states, window)
    parts = torch.split(found, [moments([block], window) for block in long])
    paths = [part.reshape(len(block), -1, found.shape[1]) for part, block in zip(parts, long, strict=True)]
    return torch.cat([flat(path[:, :-1]) for path in paths]), torch.cat([flat(path[:, 1:]) for path in paths])


def _floor(windows: _Windows, rounding: float) -> float:
    """Return the relative size below which a direction is a rounding error."""
    return max(rounding, max(windows.past.shape) * torch.finfo(windows.past.dtype).eps)


def _oblique(windows: _Windows, floor: float) -> Tensor:
    """Return the oblique projection of the future on the past, along the inputs of the future.

    Where the past holds directions that the inputs of the future foretell, these take the credit; what is left is
    regressed on the shortest combination of the past.
    """
    basis = drive_of(windows.future_inputs, floor=floor).basis
    past, future = (part - basis @ (basis.mT @ part) for part in (windows.past, windows.future))
    triangle = torch.linalg.qr(torch.cat([past, future], dim=1), mode="r").R
    width = past.shape[1]
    left, sizes, right = torch.linalg.svd(triangle[:, :width], full_matrices=False)
    cut = floor * torch.linalg.matrix_norm(windows.past)
    inverse = torch.where(sizes > cut, 1 / sizes.clamp_min(torch.finfo(sizes.dtype).tiny), 0)
    projected: Tensor = windows.past @ (right.mT @ (inverse[:, None] * (left.mT @ triangle[:, width:])))
    return projected


def _least_squares(steps: tuple[Tensor, Tensor], acting: Tensor, ridge: float, floor: float) -> tuple[Tensor, Tensor]:
    """Return A and B of states (steps, rank) and the next ones, the smallest A where inputs can be foreseen."""
    before, after = steps
    drive = drive_of(acting, floor=floor)
    driven = [part.mT @ drive.basis for part in (before, after)]
    rest, target = (part - drive.basis @ share.mT for part, share in zip((before, after), driven, strict=True))
    left, sizes, right = torch.linalg.svd(rest, full_matrices=False)
    cut = floor * torch.linalg.matrix_norm(before, 2)
    weights = torch.where(sizes > cut, sizes / (sizes.square() + ridge).clamp_min(torch.finfo(sizes.dtype).tiny), 0)
    operator = (right.mT @ (weights[:, None] * (left.mT @ target))).mT
    return operator, (driven[1] - operator @ driven[0]) @ drive.per_channel.mT
