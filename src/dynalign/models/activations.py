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
    """A function of the pre-activation and its derivative there; ``leak`` is its slope below a kink at 0, if any.

    ``name`` is that in ``ACTIVATIONS``, if it has one.
    """

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    leak: float | None = None
    name: str | None = None

    def pull_back(self, gradient: Tensor, pre: Tensor) -> None:
        """Write the gradient by the pre-activation in its place, given that by the value; without one more pass."""
        if self.leak is None:
            torch.mul(self.derivative(pre), gradient, out=pre)
        else:
            torch.ops.aten.leaky_relu_backward.grad_input(gradient, pre, self.leak, False, grad_input=pre)


def _leaky_relu(pre: Tensor) -> Tensor:
    return functional.leaky_relu(pre, LEAK)


def _slope_of_relu(pre: Tensor) -> Tensor:
    return (pre > 0).to(pre)


def _slope_of_tanh(pre: Tensor) -> Tensor:
    return 1 - torch.tanh(pre).square()


def _slope_of_leaky_relu(pre: Tensor) -> Tensor:
    return LEAK + (1 - LEAK) * (pre > 0).to(pre)


# Named functions, so that a model can be sent to another process.
ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(torch.relu, _slope_of_relu, leak=0.0, name="relu"),
    "softplus": Activation(functional.softplus, torch.sigmoid, name="softplus"),
    "tanh": Activation(torch.tanh, _slope_of_tanh, name="tanh"),
    "leaky_relu": Activation(_leaky_relu, _slope_of_leaky_relu, leak=LEAK, name="leaky_relu"),
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
