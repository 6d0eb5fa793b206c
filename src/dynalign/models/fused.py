r"""The leaky recurrent network's loop over time as one GPU kernel each way.

A loop in Python starts a handful of kernels at every time step, and those of a small network are over before the next
has begun: a graphics card waits nearly all of the time. Here a program takes some trials of a network through all
steps, with the state in its registers and the recurrent weights at hand, so that a run costs one start.

Written for Triton, which comes with PyTorch on Linux; who imports this module needs it.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

_TRIALS = 16  # of a program: the least that a product takes
_KINDS = {"relu": 0, "leaky_relu": 0, "softplus": 1, "tanh": 2}


def recurrence(
    drive: Tensor, weight: Tensor, noise: Tensor | None, decay: float, activation: str, leak: float
) -> Tensor:
    r"""Return the states :math:`h_t = d\,h_{t-1} + (1-d)\,f(u_t + W h_{t-1}) + \eta_t` of several networks.

    Parameters
    ----------
    drive : Tensor, shape (networks, trials, time, hidden)
        :math:`u`, the input's share of the pre-activation, in float32 on a CUDA GPU.
    weight : Tensor, shape (networks, hidden, hidden)
        :math:`W`, row = unit of the next state; up to ``MOST_FUSED`` units.
    noise : Tensor, shape (networks, trials, time, hidden), optional
    decay : float
    activation : {"relu", "leaky_relu", "softplus", "tanh"}
    leak : float
        Slope of (leaky) relu below 0.

    Returns
    -------
    Tensor, shape (networks, trials, time, hidden)
        To be differentiated at most once.
    """
    states: Tensor = _Recurrence.apply(drive, weight, noise, decay, _KINDS[activation], leak)  # type: ignore[no-untyped-call]
    return states


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, drive: Tensor, weight: Tensor, noise: Tensor | None, decay: float, kind: int, leak: float
    ) -> Tensor:
        drive, weight = drive.contiguous(), weight.contiguous()
        pre, states = torch.empty_like(drive), torch.empty_like(drive)
        shifts = drive if noise is None else noise.contiguous()
        grid, sizes = _plan(drive)
        _forward[grid](drive, weight, shifts, pre, states, decay, leak, *sizes, kind, noise is not None, _TRIALS)
        ctx.save_for_backward(pre, states, weight)
        ctx.decay, ctx.kind, ctx.leak, ctx.has_noise = decay, kind, leak, noise is not None
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        pre, states, weight = ctx.saved_tensors
        grad = grad.contiguous()
        into_pre = torch.empty_like(pre)
        into_state = torch.empty_like(pre) if ctx.has_noise else into_pre
        grid, sizes = _plan(pre)
        _backward[grid](
            grad, weight, pre, into_pre, into_state, ctx.decay, ctx.leak, *sizes, ctx.kind, ctx.has_noise, _TRIALS
        )
        later, earlier = into_pre[:, :, 1:].flatten(1, 2), states[:, :, :-1].flatten(1, 2)
        return into_pre, later.mT @ earlier, into_state if ctx.has_noise else None, None, None, None


def _plan(steps: Tensor) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Return the grid of programs, and trials, time, units, and units of a program; ``steps`` is shaped as states."""
    networks, trials, time, units = steps.shape
    return (networks, triton.cdiv(trials, _TRIALS)), (trials, time, units, max(16, triton.next_power_of_2(units)))


@triton.jit
def _forward(
    drive, weight, noise, pre, states, decay, leak, trials, time,
    UNITS: tl.constexpr, WIDTH: tl.constexpr, KIND: tl.constexpr, NOISY: tl.constexpr, TRIALS: tl.constexpr,
):  # fmt: skip
    network = tl.program_id(0).to(tl.int64)
    trial = tl.program_id(1) * TRIALS + tl.arange(0, TRIALS)
    unit = tl.arange(0, WIDTH)
    inside = (trial[:, None] < trials) & (unit[None, :] < UNITS)
    at = (network * trials + trial)[:, None] * time * UNITS + unit[None, :]
    square = (unit[:, None] < UNITS) & (unit[None, :] < UNITS)
    # As (unit before, unit after), to be multiplied with states from the left.
    onward = tl.load(weight + (network * UNITS + unit[None, :]) * UNITS + unit[:, None], mask=square, other=0.0)
    state = tl.zeros((TRIALS, WIDTH), tl.float32)
    for _ in range(time):
        total = tl.dot(state, onward, acc=tl.load(drive + at, mask=inside, other=0.0), input_precision="ieee")
        tl.store(pre + at, total, mask=inside)
        if KIND == 0:
            value = tl.where(total > 0, total, leak * total)
        elif KIND == 1:
            value = tl.maximum(total, 0.0) + tl.log(1 + tl.exp(-tl.abs(total)))
        else:
            value = 1 - 2 / (tl.exp(2 * total) + 1)
        state = decay * state + (1 - decay) * value
        if NOISY:
            state += tl.load(noise + at, mask=inside, other=0.0)
        state = tl.where(inside, state, 0.0)
        tl.store(states + at, state, mask=inside)
        at += UNITS


@triton.jit
def _backward(
    grad, weight, pre, into_pre, into_state, decay, leak, trials, time,
    UNITS: tl.constexpr, WIDTH: tl.constexpr, KIND: tl.constexpr, NOISY: tl.constexpr, TRIALS: tl.constexpr,
):  # fmt: skip
    network = tl.program_id(0).to(tl.int64)
    trial = tl.program_id(1) * TRIALS + tl.arange(0, TRIALS)
    unit = tl.arange(0, WIDTH)
    inside = (trial[:, None] < trials) & (unit[None, :] < UNITS)
    at = ((network * trials + trial)[:, None] * time + time - 1) * UNITS + unit[None, :]
    square = (unit[:, None] < UNITS) & (unit[None, :] < UNITS)
    back = tl.load(weight + (network * UNITS + unit[:, None]) * UNITS + unit[None, :], mask=square, other=0.0)
    carried = tl.zeros((TRIALS, WIDTH), tl.float32)
    for _ in range(time):
        total = tl.load(grad + at, mask=inside, other=0.0) + carried
        if NOISY:
            tl.store(into_state + at, total, mask=inside)
        before = tl.load(pre + at, mask=inside, other=0.0)
        if KIND == 0:
            slope = tl.where(before > 0, 1.0, leak)
        elif KIND == 1:
            slope = 1 / (1 + tl.exp(-before))
        else:
            value = 1 - 2 / (tl.exp(2 * before) + 1)
            slope = 1 - value * value
        into = (1 - decay) * slope * total
        tl.store(into_pre + at, into, mask=inside)
        carried = tl.dot(into, back, acc=decay * total, input_precision="ieee")
        at -= UNITS
