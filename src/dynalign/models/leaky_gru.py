r"""The leaky gated recurrent unit.

.. math::
    z_t &= \sigma(W_z x_t + U_z h_{t-1} + b_z) \\
    r_t &= \sigma(W_r x_t + U_r h_{t-1} + b_r) \\
    c_t &= f(W_c x_t + U_c (r_t \odot h_{t-1}) + b_c) \\
    h_t &= h_{t-1} + (1-d)\, z_t \odot (c_t - h_{t-1}), \qquad d = e^{-dt/\tau}.

The gates are those of Cho et al. 2014 (arXiv 1406.1078); the update gate opens the leak of the rate network, so that a
closed gate holds the state for as long as it is closed.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from dynalign.models.activations import activation, smoothed
from dynalign.models.base import Init, Output, SequenceModel, initialise, require_positive, seeded


class LeakyGRU(SequenceModel):
    """Leaky gated recurrent unit with a linear readout.

    Parameters
    ----------
    n_inputs, n_actions : int
    hidden : int
        Number of units.
    activation : {"relu", "softplus", "tanh", "leaky_relu"}
        Of the candidate state.
    tau : float
        Time constant of a unit whose update gate is open, in ms.
    dt : float
        Time step, in ms; that of the task.
    init, readout_bias
        See ``LeakyRNN``.
    seed : int
        Seed of the initial weights.
    """

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
        with seeded(seed):
            self.input = nn.Linear(n_inputs, 3 * hidden)  # z, r, c
            self.gates = nn.Linear(hidden, 2 * hidden, bias=False)  # z, r
            self.candidate = nn.Linear(hidden, hidden, bias=False)
            for block in (*self.gates.weight.chunk(2), self.candidate.weight):
                initialise(block, init)
            self.readout = nn.Linear(hidden, n_actions, bias=readout_bias)

    def input_parameters(self) -> list[Tensor]:
        """Return the input weights, without the biases."""
        return [self.input.weight]

    def recurrent_parameters(self) -> dict[str, float | None]:
        """Return what gates and candidate hear of the state; the leak, which the update gate opens, stays."""
        return {"gates.weight": 0.0, "candidate.weight": 0.0}

    def smoothed(self, width: float) -> LeakyGRU:
        """Return this model with its activation smoothed; see ``SequenceModel.smoothed``."""
        smooth = copy.copy(self)
        smooth._activation = smoothed(self._activation, width)
        return smooth

    def _step(self, inputs: Tensor, state: Tensor) -> Tensor:
        return self._next(self.input(inputs), state)

    def _step_jacobian(self, inputs: Tensor, state: Tensor) -> Tensor:
        r"""Return the derivative of the equations above, of :math:`c_t` by :math:`r_t` and :math:`h_{t-1}` included."""
        update, reset, pre = self._gated(self.input(inputs), state)
        to_update, to_reset = self.gates.weight.chunk(2)
        opened = (1 - self.decay) * update
        through_update = opened * (1 - update) * (self._activation.function(pre) - state)
        through_reset = state * reset * (1 - reset)
        gated = through_reset.unsqueeze(-1) * to_reset  # derivative of reset * state
        gated.diagonal(dim1=-2, dim2=-1).add_(reset)
        jacobian = torch.matmul(self.candidate.weight, gated)
        jacobian *= (opened * self._activation.derivative(pre)).unsqueeze(-1)
        jacobian += through_update.unsqueeze(-1) * to_update
        jacobian.diagonal(dim1=-2, dim2=-1).add_(1 - opened)
        return jacobian

    def _next(self, drive: Tensor, state: Tensor) -> Tensor:
        """Return the next state (batch, hidden) of a state and the drive (batch, 3 hidden) from the inputs."""
        update, _, pre = self._gated(drive, state)
        return state + (1 - self.decay) * update * (self._activation.function(pre) - state)

    def _gated(self, drive: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return update gate, reset gate and what goes into the candidate's activation, (batch, hidden) each."""
        hidden = self.n_states
        update, reset = torch.sigmoid(drive[:, : 2 * hidden] + self.gates(state)).chunk(2, dim=-1)
        return update, reset, drive[:, 2 * hidden :] + self.candidate(reset * state)

    def _run(self, inputs: Tensor, state_noise: Tensor | None, return_states: bool) -> Output:  # noqa: ARG002
        drive = self.input(inputs)  # (batch, time, 3 hidden), all steps in one product
        state = inputs.new_zeros(len(inputs), self.n_states)
        noise = [None] * inputs.shape[1] if state_noise is None else state_noise.unbind(1)
        states = []
        for step, extra in zip(drive.unbind(1), noise, strict=True):
            state = self._next(step, state)
            if extra is not None:
                state = state + extra
            states.append(state)
        stacked = torch.stack(states, dim=1)
        return Output(self.readout(stacked), stacked)


_activation = activation  # the constructor has an argument of this name
