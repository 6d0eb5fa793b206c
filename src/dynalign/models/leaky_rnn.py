r"""The leaky recurrent network.

.. math::
    h_t = d\,h_{t-1} + (1-d)\,f(W_{in} x_t + W_{rec} h_{t-1} + b), \qquad d = e^{-dt/\tau},

the exact solution over one time step of :math:`\tau \dot h = -h + f(\cdot)` with the drive held constant (the rate
network of arXiv 2410.24070, whose decay is exp(-20/100)).
"""

from __future__ import annotations

import copy
import importlib.util
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from dynalign.models.activations import Activation, activation, smoothed
from dynalign.models.base import Init, Output, SequenceModel, initialise, require_positive, seeded

MOST_FUSED = 128
"""Units of the largest network whose loop runs as one kernel on a GPU: more recurrent weights do not fit in there."""


class LeakyRNN(SequenceModel):
    """Leaky recurrent network with a linear readout.

    By default the recurrent weights start as a random rotation: it neither shrinks nor stretches the state, so that
    what enters early in a trial still reaches the decision, and so does the gradient on its way back.

    Parameters
    ----------
    n_inputs, n_actions : int
    hidden : int
        Number of units.
    activation : {"relu", "softplus", "tanh", "leaky_relu"}
    tau : float
        Time constant of a unit, in ms.
    dt : float
        Time step, in ms; that of the task.
    init : {"orthogonal", "uniform"}
        How the recurrent weights start: a random rotation; or each uniform within 1/sqrt(hidden), whose spectral
        radius is about 1/sqrt(3) (the study's choice).
    readout_bias : bool
        Whether the readout has a bias.
    seed : int
        Seed of the initial weights.
    """

    stackable: ClassVar[bool] = True

    def __init__(
        self,
        *,
        n_inputs: int,
        n_actions: int,
        hidden: int = 64,
        activation: str = "relu",
        tau: float = 100.0,
        dt: float = 20.0,
        init: Init = "orthogonal",
        readout_bias: bool = True,
        seed: int = 0,
    ) -> None:
        require_positive(hidden=hidden, tau=tau, dt=dt)
        super().__init__(n_inputs=n_inputs, n_actions=n_actions, n_states=hidden)
        self._activation = _activation(activation)
        self.decay = math.exp(-dt / tau)
        self._space = _Space()
        with seeded(seed):
            self.input = nn.Linear(n_inputs, hidden)
            self.recurrent = nn.Linear(hidden, hidden, bias=False)
            initialise(self.recurrent.weight, init)
            self.readout = nn.Linear(hidden, n_actions, bias=readout_bias)

    def input_parameters(self) -> list[Tensor]:
        """Return the input weights, without the bias."""
        return [self.input.weight]

    def recurrent_parameters(self) -> dict[str, float | None]:
        """Return the recurrent weights; the leak is no parameter, and stays."""
        return {"recurrent.weight": 0.0}

    def _pre_activation(self, inputs: Tensor, state: Tensor) -> Tensor:
        return torch.addmm(self.input(inputs), state, self.recurrent.weight.t())

    def smoothed(self, width: float) -> LeakyRNN:
        """Return this model with its activation smoothed; see ``SequenceModel.smoothed``."""
        smooth = copy.copy(self)
        smooth._activation = smoothed(self._activation, width)
        return smooth

    def _step(self, inputs: Tensor, state: Tensor) -> Tensor:
        return torch.lerp(self._activation.function(self._pre_activation(inputs, state)), state, self.decay)

    def _step_jacobian(self, inputs: Tensor, state: Tensor) -> Tensor:
        r"""Return :math:`d\,I + (1-d)\,\mathrm{diag}(f') W_{rec}` at every point."""
        slope = (1 - self.decay) * self._activation.derivative(self._pre_activation(inputs, state))
        jacobian = slope.unsqueeze(-1) * self.recurrent.weight
        jacobian.diagonal(dim1=-2, dim2=-1).add_(self.decay)
        return jacobian

    def _run(self, inputs: Tensor, state_noise: Tensor | None, return_states: bool) -> Output:  # noqa: ARG002
        drive = self.input(inputs)  # (batch, time, hidden), all steps in one product
        weight = self.recurrent.weight
        if self._is_fused_on(drive):
            noise = None if state_noise is None else state_noise.unsqueeze(0)
            states = self._fused(drive.unsqueeze(0), weight.unsqueeze(0), noise).squeeze(0)
        else:
            states = _Recurrence.apply(  # type: ignore[no-untyped-call]
                drive, weight, state_noise, self.decay, self._activation
            )
        return Output(self.readout(states), states)

    def run_together(
        self,
        weights: Mapping[str, Tensor],
        inputs: Tensor,
        state_noise: Tensor | None = None,
        *,
        active: Sequence[int] | None = None,
    ) -> Tensor:
        """Run several networks; see ``SequenceModel.run_together``."""
        into, recurrent, readout = (weights[f"{name}.weight"] for name in ("input", "recurrent", "readout"))
        bias = weights.get("readout.bias", readout.new_zeros(len(readout), self.n_actions))
        if self._is_fused_on(inputs):
            flat = torch.baddbmm(weights["input.bias"].unsqueeze(1), inputs.flatten(1, 2), into.mT)
            states = self._fused(flat.view(*inputs.shape[:3], -1), recurrent, state_noise)
            return torch.baddbmm(bias.unsqueeze(1), states.flatten(1, 2), readout.mT).view(*inputs.shape[:3], -1)
        # A state has the inputs and a 1 beside it: (state, inputs, 1) to pre-activation, and to logits.
        whole = torch.cat([recurrent.mT, into.mT, weights["input.bias"].unsqueeze(1)], dim=1)
        aside = readout.new_zeros(len(readout), self.n_actions, self.n_inputs)
        out = torch.cat([readout, aside, bias.unsqueeze(2)], dim=2)
        active = [inputs.shape[1]] * inputs.shape[2] if active is None else active
        logits: Tensor = _Together.apply(  # type: ignore[no-untyped-call]
            whole, out, inputs, state_noise, active, self.decay, self._activation, self._space
        )
        return logits.permute(1, 3, 0, 2)

    def _is_fused_on(self, tensor: Tensor) -> bool:
        """Return whether the loop runs as a kernel of its own on what is computed with such tensors."""
        is_known = self._activation.name is not None and tensor.dtype == torch.float32
        return is_known and tensor.is_cuda and self.n_states <= MOST_FUSED and has_triton()

    def _fused(self, drive: Tensor, weight: Tensor, noise: Tensor | None) -> Tensor:
        from dynalign.models.fused import recurrence  # only here: Triton is not everywhere

        f = self._activation
        assert f.name is not None
        return recurrence(drive, weight, noise, self.decay, f.name, f.leak or 0.0)


@cache
def has_triton() -> bool:
    """Return whether Triton, which comes with PyTorch on Linux, is here."""
    return importlib.util.find_spec("triton") is not None


_activation = activation  # the constructor has an argument of this name


class _Recurrence(torch.autograd.Function):
    """The loop over time, with its backward pass written by hand.

    Going back, only the chain through the state needs a loop; the gradient of the weights is one product over all
    time steps. Inside, time comes first, so that a step is contiguous.
    """

    @staticmethod
    def forward(ctx: Any, drive: Tensor, weight: Tensor, noise: Tensor | None, decay: float, f: Activation) -> Tensor:
        steps = drive.transpose(0, 1).contiguous()  # (time, batch, hidden)
        noise_steps = None if noise is None else noise.transpose(0, 1)
        pre = torch.empty_like(steps)
        states = torch.empty_like(steps)
        state = torch.zeros_like(steps[0])
        back = weight.t()
        for t in range(len(steps)):
            torch.addmm(steps[t], state, back, out=pre[t])
            state = torch.lerp(f.function(pre[t]), state, decay)
            if noise_steps is not None:
                state = state + noise_steps[t]
            states[t] = state
        ctx.save_for_backward(pre, states, weight)
        ctx.decay, ctx.f, ctx.has_noise = decay, f, noise is not None
        return states.transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        pre, states, weight = ctx.saved_tensors
        outer = grad.transpose(0, 1).contiguous()
        slope = ctx.f.derivative(pre).mul_(1 - ctx.decay)
        into_pre = torch.empty_like(pre)
        into_state = torch.empty_like(pre) if ctx.has_noise else None
        carried = torch.zeros_like(outer[0])
        for t in range(len(outer) - 1, -1, -1):
            total = outer[t] + carried
            if into_state is not None:
                into_state[t] = total
            torch.mul(slope[t], total, out=into_pre[t])
            carried = torch.addmm(total, into_pre[t], weight, beta=ctx.decay)
        grad_weight = into_pre[1:].flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        grad_noise = None if into_state is None else into_state.transpose(0, 1)
        return into_pre.transpose(0, 1), grad_weight, grad_noise, None, None


class _Together(torch.autograd.Function):
    """The loop over time of several networks, one product each per step, and so on the way back.

    Beside the state stand the inputs and a 1, so that the product that makes the pre-activation adds the drive as well.
    The gradient of the weights grows step by step, from what the processor still has at hand. Steps are as wide as the
    trials that matter, and lie one after the other: matrix products of what is not contiguous take twice the time.
    """

    @staticmethod
    def forward(
        ctx: Any,
        whole: Tensor,
        out: Tensor,
        inputs: Tensor,
        noise: Tensor | None,
        active: Sequence[int],
        decay: float,
        f: Activation,
        space: _Space,
    ) -> Tensor:
        networks, trials, time, channels = inputs.shape
        rows, hidden = whole.shape[1:]
        keep = any(ctx.needs_input_grad)
        beside = inputs.new_zeros(time + 1, networks, trials, channels + 1)
        beside[:-1, ..., :-1] = inputs.permute(2, 0, 1, 3)
        beside[..., -1] = 1
        noise_steps = None if noise is None else noise.permute(2, 0, 1, 3)
        logits = inputs.new_zeros(time, networks, out.shape[1], trials)
        # A state is read out where it was made, so it is as wide as the step before.
        states = _steps(space, whole, [active[0], *active], rows, keep)
        products = _steps(space, whole, active, hidden, keep)
        states[0][..., :hidden] = 0
        states[0][..., hidden:] = beside[0, :, : active[0]]
        for t, count in enumerate(active):
            state, product, after = states[t][:, :count], products[t], states[t + 1]
            torch.bmm(state, whole, out=product)
            torch.lerp(f.function(product), state[..., :hidden], decay, out=after[..., :hidden])
            if noise_steps is not None:
                after[..., :hidden] += noise_steps[t, :, :count]
            after[..., hidden:] = beside[t + 1, :, :count]
            logits[t, ..., :count] = torch.bmm(out, after.mT)
        if keep:
            ctx.whole, ctx.out, ctx.states, ctx.products = whole, out, states, products
            ctx.active, ctx.decay, ctx.f, ctx.space = active, decay, f, space
        else:
            space.leave(states[0], products[0])
        return logits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        whole, out, states, products = ctx.whole, ctx.out, ctx.states, ctx.products
        hidden = whole.shape[2]
        share = 1 - ctx.decay  # of the activation in the next state
        back = (share * whole[:, :hidden].mT).contiguous()
        from_logits = out[..., :hidden].contiguous()
        into_whole, into_out = torch.zeros_like(whole), torch.zeros_like(out)
        total = whole.new_zeros(len(whole), ctx.active[-1], hidden)  # gradient by the state after the step
        for t in range(len(grad) - 1, -1, -1):
            count = ctx.active[t]
            if count > total.shape[1]:
                total = functional.pad(total, (0, 0, 0, count - total.shape[1]))
            from_above, product = grad[t, ..., :count], products[t]
            total.baddbmm_(from_above.mT, from_logits)
            into_out.baddbmm_(from_above, states[t + 1])
            ctx.f.pull_back(total, product)  # the gradient takes the product's place
            into_whole.baddbmm_(states[t][:, :count].mT, product)
            total.baddbmm_(product, back, beta=ctx.decay)
        ctx.space.leave(states[0], products[0])
        return into_whole.mul_(share), into_out, *[None] * 6


def _steps(space: _Space, like: Tensor, counts: Sequence[int], width: int, keep: bool) -> list[Tensor]:
    """Return room for (networks, count, width) at every step; if it need not be kept, every other step has the same."""
    sizes = [len(like) * count * width for count in counts]
    if keep:
        parts = space.take(like, sum(sizes)).split_with_sizes(sizes)
    else:
        first, second = space.take(like, 2 * max(sizes)).chunk(2)
        parts = tuple((second if t % 2 else first)[:size] for t, size in enumerate(sizes))
    return [part.view(len(like), count, width) for part, count in zip(parts, counts, strict=True)]


class _Space:
    """Memory that one run leaves to the next: to get it fresh takes longer than to compute what goes in there."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def take(self, like: Tensor, size: int) -> Tensor:
        """Return so many numbers, whatever they are."""
        fits = [memory for memory in self._free if len(memory) >= size and memory.device == like.device]
        if not fits:
            return like.new_empty(size)
        memory = min(fits, key=len)
        self._free = [other for other in self._free if other is not memory]
        return memory[:size]

    def leave(self, *tensors: Tensor) -> None:
        """Take back the memory behind these tensors, which is no longer needed; the largest two pieces stay."""
        for tensor in tensors:
            memory = tensor.new_empty(0).set_(tensor.untyped_storage())
            self._free = sorted([*self._free, memory], key=len)[-2:]
