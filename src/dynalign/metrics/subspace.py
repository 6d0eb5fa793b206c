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

from typing import NamedTuple

import torch
from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.metrics.control import drive_of
from dynalign.metrics.hankel_dmd import Embedding, HankelDMD, Rank, _wanted, step_error


class _Windows(NamedTuple):
    """Windows of all trials and steps, one a row."""

    past: Tensor
    future: Tensor
    future_inputs: Tensor


def moments(states: Tensor, window: int) -> int:
    """Return how many states are found behind ``states`` (trials, time, units), over all trials."""
    return states.shape[0] * (states.shape[1] - 2 * window)


def fit_subspace(
    states: Tensor,
    inputs: Tensor,
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
    states : Tensor, float64, shape (trials, time, units)
        What is seen of the system; checked and centred.
    inputs : Tensor, float64, shape (trials, time, channels)
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
    trials, time, units = states.shape
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
    kept = int((values[: _wanted(values, rank, tuple(projected.shape))] > floor * values[0]).sum())
    operator, input_operator = _least_squares(
        left[:, :kept].reshape(trials, -1, kept), _acting(inputs, window), ridge, floor
    )
    size = rank if isinstance(rank, int) else kept
    return HankelDMD(
        operator=torch.nn.functional.pad(operator, (0, size - kept, 0, size - kept)),
        input_operator=torch.nn.functional.pad(input_operator, (0, 0, 0, size - kept)),
        whitening=axes[:kept].mT / values[:kept],
        kept_rank=kept,
        explained_variance=float(values[:kept].square().sum() / values.square().sum()),
        span=float(torch.log10(values[0] / values[kept - 1])),
    )


def prediction_error(fit: HankelDMD, states: Tensor, inputs: Tensor, *, window: int, rounding: float) -> float:
    """Return the mean squared error of the found states one step on, over that of predicting no change."""
    windows = _windows(states, inputs, window)
    projected = _oblique(windows, _floor(windows, rounding))
    return step_error(fit, projected.reshape(len(states), -1, projected.shape[1]), _acting(inputs, window))


def _windows(states: Tensor, inputs: Tensor, window: int) -> _Windows:
    """Cut trials into windows: step j has outputs j to j + w - 1 as its past, and the w next ones as its future.

    An input belongs to the output from which it leads on, the one before its own time step.
    """
    length = states.square().sum(-1).mean().sqrt()  # so that no unit of the states decides what is shortest
    outputs, leading = (Embedding(2 * window, 1)(part) for part in (states[:, :-1], inputs[:, 1:]))
    seen, channels = window * states.shape[2], window * inputs.shape[2]
    past = torch.cat([leading[..., :channels], outputs[..., :seen] / length], dim=-1)
    return _Windows(_flat(past), _flat(outputs[..., seen:]), _flat(leading[..., channels:]))


def _acting(inputs: Tensor, window: int) -> Tensor:
    """Return the inputs (trials, steps - 1, channels) that lead from each state that is found to the next."""
    return inputs[:, window + 1 : inputs.shape[1] - window]


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


def _least_squares(paths: Tensor, acting: Tensor, ridge: float, floor: float) -> tuple[Tensor, Tensor]:
    """Return A and B of neighbouring states (trials, steps, rank), the smallest A where inputs can be foreseen."""
    before, after, acting = _flat(paths[:, :-1]), _flat(paths[:, 1:]), _flat(acting)
    drive = drive_of(acting, floor=floor)
    driven = [part.mT @ drive.basis for part in (before, after)]
    rest, target = (part - drive.basis @ share.mT for part, share in zip((before, after), driven, strict=True))
    left, sizes, right = torch.linalg.svd(rest, full_matrices=False)
    cut = floor * torch.linalg.matrix_norm(before, 2)
    weights = torch.where(sizes > cut, sizes / (sizes.square() + ridge).clamp_min(torch.finfo(sizes.dtype).tiny), 0)
    operator = (right.mT @ (weights[:, None] * (left.mT @ target))).mT
    return operator, (driven[1] - operator @ driven[0]) @ drive.per_channel.mT


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])
