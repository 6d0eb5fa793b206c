r"""The leaky recurrent network.

.. math::
    h_t = d\,h_{t-1} + (1-d)\,f(W_{in} x_t + W_{rec} h_{t-1} + b), \qquad d = e^{-dt/\tau},

the exact solution over one time step of :math:`\tau \dot h = -h + f(\cdot)` with the drive held constant (the rate
network of arXiv 2410.24070, whose decay is exp(-20/100)).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from dynalign.models.activations import Activation, activation, smoothed
from dynalign.models.base import Init, Output, SequenceModel, initialise, require_positive, seeded


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
        states = _Recurrence.apply(  # type: ignore[no-untyped-call]
            drive, self.recurrent.weight, state_noise, self.decay, self._activation
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
        recurrent, into, readout = (weights[f"{name}.weight"].mT for name in ("recurrent", "input", "readout"))
        bias = weights.get("readout.bias", readout.new_zeros(len(readout), self.n_actions))
        # Rows: state, inputs, 1. Columns: pre-activation, logits of the step before.
        whole = torch.cat(
            [
                torch.cat([recurrent, readout], dim=2),
                torch.cat([into, into.new_zeros(*into.shape[:2], self.n_actions)], dim=2),
                torch.cat([weights["input.bias"], bias], dim=1).unsqueeze(1),
            ],
            dim=1,
        )
        active = [inputs.shape[1]] * inputs.shape[2] if active is None else active
        logits: Tensor = _Together.apply(  # type: ignore[no-untyped-call]
            whole, inputs, state_noise, active, self.decay, self._activation, self._space
        )
        return logits.permute(1, 2, 0, 3)


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
    """The loop over time of several networks, each step one product per network, and so on the way back.

    With the state stand the inputs and a 1, so that the product that makes the pre-activation adds the drive as well,
    and reads out the state: it is the logits of the step before, since at step t the state is that after t - 1. One
    more step reads out the last. What is small stays small: the gradient of all weights grows step by step, from what
    the processor has at hand.
    """

    @staticmethod
    def forward(
        ctx: Any,
        whole: Tensor,
        inputs: Tensor,
        noise: Tensor | None,
        active: Sequence[int],
        decay: float,
        f: Activation,
        space: _Space,
    ) -> Tensor:
        networks, trials, time, channels = inputs.shape
        rows, columns = whole.shape[1:]
        hidden = rows - channels - 1
        keep = ctx.needs_input_grad[0]
        beside = inputs.new_zeros(time + 1, networks, trials, channels + 1)
        beside[:-1, ..., :-1] = inputs.permute(2, 0, 1, 3)
        beside[..., -1] = 1
        noise_steps = None if noise is None else noise.permute(2, 0, 1, 3)
        logits = inputs.new_zeros(time, networks, trials, columns - hidden)
        # All states and products where the way back needs them, or else those of two steps.
        steps = time + 1 if keep else 2
        states = space.take(inputs, steps, networks, trials, rows)
        products = space.take(inputs, steps, networks, trials, columns)
        states[0, ..., :hidden] = 0
        needed = [active[0], *active]
        each_state, each_product = states.unbind(0), products.unbind(0)
        for t, count in enumerate(needed):
            state, product = each_state[t % steps][:, :count], each_product[t % steps][:, :count]
            state[..., hidden:] = beside[t, :, :count]
            torch.bmm(state, whole, out=product)
            if t > 0:
                logits[t - 1, :, :count] = product[..., hidden:]
            if t < time:
                after = each_state[(t + 1) % steps][:, :count, :hidden]
                torch.lerp(f.function(product[..., :hidden]), state[..., :hidden], decay, out=after)
                if noise_steps is not None:
                    after += noise_steps[t, :, :count]
        if keep:
            ctx.whole, ctx.states, ctx.products, ctx.space = whole, states, products, space
            ctx.needed, ctx.decay, ctx.f, ctx.hidden = needed, decay, f, hidden
        else:
            space.leave(states, products)
        return logits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        states, products, hidden = ctx.states, ctx.products, ctx.hidden
        share = 1 - ctx.decay  # of the activation in the next state
        from_state = ctx.whole[:, :hidden].clone()
        from_state[..., :hidden] *= share
        back = from_state.mT.contiguous()
        into_whole = torch.zeros_like(ctx.whole)
        total = states.new_zeros(*states.shape[1:3], hidden)
        products[-1, ..., :hidden] = 0
        each_state, each_product = states.unbind(0), products.unbind(0)
        # Gradients take the place of the products, from which only the slopes are needed.
        for t in range(len(grad), -1, -1):
            count = ctx.needed[t]
            product, carried = each_product[t][:, :count], total[:, :count]
            if t < len(grad):
                ctx.f.pull_back(carried, product[..., :hidden])
            product[..., hidden:] = grad[t - 1, :, :count] if t > 0 else 0
            into_whole.baddbmm_(each_state[t][:, :count].mT, product)
            if t > 0:
                carried.baddbmm_(product, back, beta=ctx.decay)
        into_whole[..., :hidden] *= share
        ctx.space.leave(states, products)
        return into_whole, None, None, None, None, None, None


class _Space:
    """Memory that one run leaves to the next: to get it fresh takes longer than to compute what goes in there."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def take(self, like: Tensor, *shape: int) -> Tensor:
        """Return a tensor of some shape with anything in it."""
        size = math.prod(shape)
        fits = [memory for memory in self._free if len(memory) >= size and memory.device == like.device]
        if fits:
            memory = min(fits, key=len)
            self._free = [other for other in self._free if other is not memory]
        else:
            memory = like.new_empty(size)
        return memory[:size].view(shape)

    def leave(self, *tensors: Tensor) -> None:
        """Take back what is no longer needed; of what is left, the largest two stay."""
        for tensor in tensors:
            memory = tensor.new_empty(0).set_(tensor.untyped_storage())
            self._free = sorted([*self._free, memory], key=len)[-2:]
