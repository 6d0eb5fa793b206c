"""Derivatives of the next state by this one, along trajectories and at single points."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.models import Mamba, SequenceModel

Floats = npt.NDArray[np.float64]

_ENTRIES = 2**23  # of Jacobians at a time, which is 64 MiB


def exact(model: SequenceModel) -> SequenceModel:
    """Return a copy of the model on the CPU in double precision, which learns no more."""
    return copy.deepcopy(model).cpu().double().eval().requires_grad_(False)


def double(values: npt.ArrayLike | Tensor) -> Tensor:
    """Return an array or a tensor of any device as a tensor on the CPU in double precision."""
    return torch.as_tensor(values).detach().to("cpu", torch.float64)


@torch.no_grad()
def jacobians(model: SequenceModel, inputs: npt.ArrayLike | Tensor, states: npt.ArrayLike | Tensor) -> Floats:
    r"""Return :math:`\partial h_{t+1} / \partial h_t` at given points, in double precision.

    Parameters
    ----------
    model : SequenceModel
        One that has a step.
    inputs : array, shape (..., n_inputs)
        What enters in the step.
    states : array, shape (..., n_states)
        From which the step leads on.

    Returns
    -------
    array, shape (..., n_states, n_states)
        Row: unit of the next state.

    Raises
    ------
    DynalignError
        If shapes do not fit, or the model has no step.
    """
    x, h = double(inputs), double(states)
    if x.shape[:-1] != h.shape[:-1]:
        raise DynalignError(
            f"Inputs and states are needed at the same points, not of shapes {tuple(x.shape)} and {tuple(h.shape)}."
        )
    flat = exact(model).step_jacobian(x.reshape(-1, x.shape[-1]), h.reshape(-1, h.shape[-1]))
    found: Floats = flat.reshape(*h.shape, h.shape[-1]).numpy()
    return found


@torch.no_grad()
def mean_jacobian(
    model: SequenceModel, inputs: npt.ArrayLike | Tensor, where: npt.ArrayLike | None = None
) -> list[Floats]:
    r"""Return the mean of :math:`\partial h_t / \partial h_{t-1}` over trials and time steps.

    The network runs without perturbation, from a zero state, in double precision. The derivative at step t is that
    from the state before to the state that has seen input t, which the network passes on its way.

    Parameters
    ----------
    model : SequenceModel
        One that has a step, or Mamba: given its inputs, each layer's scan is linear, and its Jacobian is the diagonal
        matrix of its decays. (Through the layers below, a state also enters those above; the Jacobian of all states
        together is block triangular, so that the eigenvalues are those of its layers.)
    inputs : array, shape (trials, time, n_inputs)
    where : bool array, shape (trials, time), optional
        The steps that count, such as ``trials.in_period("delay")``; all by default.

    Returns
    -------
    list of array, each of shape (n, n)
        One for each recurrent layer: one of a network with a step, one for each layer of Mamba.

    Raises
    ------
    DynalignError
        If shapes do not fit, no step counts, or the model has no step and is not Mamba.
    """
    x = double(inputs)
    chosen = torch.ones(x.shape[:2], dtype=torch.bool) if where is None else torch.as_tensor(np.asarray(where, bool))
    if chosen.shape != x.shape[:2] or not chosen.any():
        raise DynalignError(
            f"The steps that count must be a mask of shape {tuple(x.shape[:2])} that holds at least one of them, "
            f"not {int(chosen.sum())} of shape {tuple(chosen.shape)}."
        )
    model = exact(model)
    if isinstance(model, Mamba):
        return [torch.diag(decays[chosen].mean(0)).numpy() for decays in model.decays(x)]
    states = model(x).states
    before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)[chosen]
    total = torch.zeros(model.n_states, model.n_states, dtype=torch.float64)
    at_a_time = max(1, _ENTRIES // model.n_states**2)
    now = x[chosen]
    for start in range(0, len(now), at_a_time):
        some = slice(start, start + at_a_time)
        total += model.step_jacobian(now[some], before[some]).sum(0)
    return [(total / len(before)).numpy()]
