"""Controls of a trained network: weights whose dynamics are known not to be the ones that were learnt.

What a metric says of a trained network and its control is what it can tell of the recurrence. ``recurrent`` is the
model's ``recurrent_parameters()``; weights are state dicts, which are not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from dynalign.errors import DynalignError

Weights = Mapping[str, Tensor]


def no_recurrence(weights: Weights, recurrent: Mapping[str, float | None]) -> dict[str, Tensor]:
    """Return the weights with the recurrence off: what is left is input, filtered by the leak of single units.

    Parameters
    ----------
    weights : state dict
    recurrent : mapping of str to float or None
        The names of the recurrent parameters, with the value at which each is off; None leaves it as it is.

    Raises
    ------
    DynalignError
        If a recurrent parameter is not among the weights.
    """
    control = _copy(weights, recurrent)
    for name, off in recurrent.items():
        if off is not None:
            control[name].fill_(off)
    return control


def shuffled_recurrence(weights: Weights, recurrent: Iterable[str], rng: np.random.Generator) -> dict[str, Tensor]:
    """Return the weights with the entries of every recurrent parameter in random order.

    Their distribution stays and their structure goes. Parts that one parameter holds, such as the two gates of a GRU,
    exchange entries.

    Parameters
    ----------
    weights : state dict
    recurrent : iterable of str
        The names of the recurrent parameters.
    rng : numpy.random.Generator

    Raises
    ------
    DynalignError
        If a recurrent parameter is not among the weights.
    """
    names = list(recurrent)
    control = _copy(weights, names)
    for name in names:
        flat = control[name].flatten()
        order = torch.from_numpy(rng.permutation(len(flat))).to(flat.device)
        control[name] = flat[order].reshape(control[name].shape)
    return control


def initial_recurrence(weights: Weights, recurrent: Iterable[str], initial: Weights) -> dict[str, Tensor]:
    """Return the trained weights with the recurrent parameters as they were before training.

    Parameters
    ----------
    weights : state dict
        Of the trained network.
    recurrent : iterable of str
        The names of the recurrent parameters.
    initial : state dict
        Of the same network before it was trained.

    Raises
    ------
    DynalignError
        If a recurrent parameter is not among both weights, or has another shape in one.
    """
    names = list(recurrent)
    control, before = _copy(weights, names), _copy(initial, names)
    for name in names:
        if control[name].shape != before[name].shape:
            raise DynalignError(
                f"The recurrent parameter {name} has shape {tuple(control[name].shape)} and was initially "
                f"{tuple(before[name].shape)}: these are not weights of one network."
            )
        control[name] = before[name].to(control[name])
    return control


def _copy(weights: Weights, recurrent: Iterable[str]) -> dict[str, Tensor]:
    missing = [name for name in recurrent if name not in weights]
    if missing:
        raise DynalignError(f"The weights lack the recurrent parameters {', '.join(missing)} of the model.")
    return {name: value.detach().clone() for name, value in weights.items()}
