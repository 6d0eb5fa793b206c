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
    """A function of the pre-activation and its derivative there."""

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(torch.relu, lambda a: (a > 0).to(a)),
    "softplus": Activation(functional.softplus, torch.sigmoid),
    "tanh": Activation(torch.tanh, lambda a: 1 - torch.tanh(a).square()),
    "leaky_relu": Activation(lambda a: functional.leaky_relu(a, LEAK), lambda a: LEAK + (1 - LEAK) * (a > 0).to(a)),
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
