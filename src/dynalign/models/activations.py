"""Activation functions, each with its derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from dynalign.errors import DynalignError, suggestion

LEAK = 0.01


class Activation(NamedTuple):
    """A function of the pre-activation and its derivative there; ``leak`` is its slope below a kink at 0, if any."""

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    leak: float | None = None


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(torch.relu, lambda a: (a > 0).to(a), leak=0.0),
    "softplus": Activation(functional.softplus, torch.sigmoid),
    "tanh": Activation(torch.tanh, lambda a: 1 - torch.tanh(a).square()),
    "leaky_relu": Activation(
        lambda a: functional.leaky_relu(a, LEAK), lambda a: LEAK + (1 - LEAK) * (a > 0).to(a), leak=LEAK
    ),
}


def activation(name: str) -> Activation:
    """Return the activation of this name.

    Raises
    ------
    DynalignError
        With the nearest spelling, if there is none.
    """
    if name not in ACTIVATIONS:
        raise DynalignError(f"activation={name} is unknown; {suggestion(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]


def smoothed(f: Activation, width: float) -> Activation:
    """Return the function with its kink rounded over about ``width`` on either side; itself, if it has none."""
    if f.leak is None:
        return f
    leak = f.leak
    return Activation(
        lambda a: leak * a + (1 - leak) * functional.softplus(a, beta=1 / width),
        lambda a: leak + (1 - leak) * torch.sigmoid(a / width),
    )
