r"""The selective scan of Mamba in plain PyTorch.

.. math::
    h_t = e^{\Delta_t A} \odot h_{t-1} + \Delta_t x_t B_t, \qquad y_t = \langle C_t, h_t \rangle

(Gu & Dao 2023, arXiv 2312.00752, eq. 2a and 2b, with the simplified discretisation of B that mamba-ssm uses). The
state of every step is kept, because the states are what this project compares, and the backward pass needs them
anyway. It is written by hand: only the chain through the state needs a loop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def decays(delta: Tensor, A: Tensor) -> Tensor:
    """Return what every state is multiplied with on its way to the next step, between 0 and 1.

    Parameters
    ----------
    delta : Tensor, shape (..., E)
        Step sizes, positive.
    A : Tensor, shape (E, N)
        Decay rates, negative.

    Returns
    -------
    Tensor, shape (..., E, N)
    """
    return torch.exp(delta.unsqueeze(-1) * A)


def selective_scan(delta: Tensor, A: Tensor, B: Tensor, C: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run the scan from a zero state.

    Parameters
    ----------
    delta : Tensor, shape (batch, time, E)
        Step sizes, positive.
    A : Tensor, shape (E, N)
        Decay rates, negative.
    B, C : Tensor, shape (batch, time, N)
    x : Tensor, shape (batch, time, E)

    Returns
    -------
    y : Tensor, shape (batch, time, E)
    states : Tensor, shape (batch, time, E, N)
        ``states[:, t]`` has seen the inputs up to and including step t.
    """
    y, states = _SelectiveScan.apply(delta, A, B, C, x)  # type: ignore[no-untyped-call]
    return y, states


class _SelectiveScan(torch.autograd.Function):
    """Inside, time comes first, so that a step is contiguous: (time, batch, E, N)."""

    @staticmethod
    def forward(ctx: Any, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        delta, B, C, x = (tensor.transpose(0, 1).contiguous() for tensor in (delta, B, C, x))
        decay = decays(delta, A)
        states = (delta * x).unsqueeze(-1) * B.unsqueeze(-2)  # what enters; then, in place, the states
        for t in range(1, len(states)):
            states[t].addcmul_(decay[t], states[t - 1])
        y = torch.matmul(states, C.unsqueeze(-1)).squeeze(-1)
        ctx.save_for_backward(delta, A, B, C, x, decay, states)
        return y.transpose(0, 1), states.transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_states: Tensor) -> tuple[Tensor, ...]:
        delta, A, B, C, x, decay, states = ctx.saved_tensors
        grad_y = grad_y.transpose(0, 1).contiguous()
        # The gradient of each state: through its own output, through its own use, and through the next state.
        chain = grad_y.unsqueeze(-1) * C.unsqueeze(-2) + grad_states.transpose(0, 1)
        for t in range(len(chain) - 2, -1, -1):
            chain[t].addcmul_(decay[t + 1], chain[t + 1])
        exponent = chain[1:] * states[:-1] * decay[1:]  # gradient of delta A, which is 0 at the first step
        entering = torch.matmul(chain, B.unsqueeze(-1)).squeeze(-1)
        grad_delta = entering * x
        grad_delta[1:] += (exponent * A).sum(-1)
        grads = (
            grad_delta,
            torch.einsum("tbe,tben->en", delta[1:], exponent),
            torch.matmul((delta * x).unsqueeze(-2), chain).squeeze(-2),
            torch.matmul(grad_y.unsqueeze(-2), states).squeeze(-2),
            entering * delta,
        )
        return tuple(g if index == 1 else g.transpose(0, 1) for index, g in enumerate(grads))
