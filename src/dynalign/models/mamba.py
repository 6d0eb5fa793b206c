"""Mamba: a selective state-space model (Gu & Dao 2023, arXiv 2312.00752).

The mixer has the parameter names, shapes and initial distribution of ``mamba_ssm.Mamba`` (v1), so that one checkpoint
loads in either. With CUDA and the mamba-ssm package its scan runs in their fused kernel; elsewhere in plain PyTorch.

Shapes: d = d_model, E = expand d, N = d_state, R = ceil(d / 16).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dynalign.errors import DynalignError, suggestion
from dynalign.models.base import Output, SequenceModel, require_positive, seeded
from dynalign.models.scan import decays, selective_scan

BACKENDS = ("auto", "torch", "cuda")
OFF = 50.0  # of A_log: A = -5e21, so that a step of any size forgets all
_OTHERWISE = "use backend=auto to run the same block in plain PyTorch."


class Mamba(SequenceModel):
    """Linear embedding, residual Mamba blocks, norm, readout.

    The states are those of the scans, (E N) per layer, one layer after the other; at step t they have seen the
    inputs up to and including t.

    Parameters
    ----------
    n_inputs, n_actions : int
    d_model, n_layers, d_state, expand, d_conv : int
        Width of the residual stream, number of blocks, states per channel, width of a block relative to the
        stream, and width of its causal convolution in time steps.
    backend : {"auto", "torch", "cuda"}
        Where the scan runs when the states are not asked for: ``cuda`` is the kernel of mamba-ssm, ``auto`` takes
        it if it can be imported and the inputs are on a GPU.
    seed : int
        Seed of the initial weights.
    """

    accepts_state_noise: ClassVar[bool] = False

    def __init__(
        self,
        *,
        n_inputs: int,
        n_actions: int,
        d_model: int = 16,
        n_layers: int = 1,
        d_state: int = 16,
        expand: int = 2,
        d_conv: int = 4,
        backend: str = "auto",
        seed: int = 0,
    ) -> None:
        require_positive(d_model=d_model, n_layers=n_layers, d_state=d_state, expand=expand, d_conv=d_conv)
        if backend not in BACKENDS:
            raise DynalignError(f"backend={backend} is unknown; {suggestion(backend, BACKENDS)}")
        if backend == "cuda" and not torch.cuda.is_available():
            raise DynalignError(f"backend=cuda needs a CUDA GPU and the mamba-ssm package; {_OTHERWISE}")
        if backend == "cuda" and isinstance(kernel(), str):
            raise DynalignError(
                f"backend=cuda needs the mamba-ssm package (pip install dynalign[cuda]): {kernel()}; {_OTHERWISE}"
            )
        super().__init__(n_inputs=n_inputs, n_actions=n_actions, n_states=n_layers * expand * d_model * d_state)
        self.backend = backend
        with seeded(seed):
            self.embedding = nn.Linear(n_inputs, d_model)
            self.blocks = nn.ModuleList(
                MambaBlock(d_model, d_state=d_state, expand=expand, d_conv=d_conv) for _ in range(n_layers)
            )
            self.norm = nn.RMSNorm(d_model)
            self.readout = nn.Linear(d_model, n_actions)

    def input_parameters(self) -> list[Tensor]:
        """Return the embedding's weights and bias, which is what the study left unfrozen."""
        return list(self.embedding.parameters())

    def recurrent_parameters(self) -> dict[str, float | None]:
        r"""Return what sets :math:`e^{\Delta_t A}`, the one thing by which a state leads to the next.

        That is A, and what makes the step sizes of the inputs: dt_proj and x_proj. The latter makes B and C too, what
        enters the state and what is read; it is one choice, made from the input, of how much to forget and to keep
        (the selection that gives the model its name), and with half of it trained the recurrence would be neither
        trained nor initial. The scan is off where A is so large that all is forgotten; zeros would not do that. The
        convolution, which remembers the last few inputs but no state, stays.
        """
        off = {"A_log": OFF, "dt_proj.weight": None, "dt_proj.bias": None, "x_proj.weight": None}
        layers = range(len(self.blocks))
        return {f"blocks.{layer}.mixer.{name}": value for layer in layers for name, value in off.items()}

    def decays(self, inputs: Tensor) -> list[Tensor]:
        r"""Return :math:`e^{\Delta_t A}` of every layer's scan, the derivative of each of its states by the last.

        Given the inputs of its layer, a scan is linear and acts on every state alone: this is the diagonal of its
        Jacobian at step t, from the state before to the state that has seen input t.

        Parameters
        ----------
        inputs : Tensor, shape (batch, time, n_inputs)

        Returns
        -------
        list of Tensor, each of shape (batch, time, E N)
            In the order of the layers and of the states.

        Raises
        ------
        DynalignError
            If the inputs have the wrong shape.
        """
        self._check_inputs(inputs)
        stream = self.embedding(inputs)
        found = []
        for block in self.blocks:
            assert isinstance(block, MambaBlock)
            found.append(block.mixer.decays(block.norm(stream)).flatten(2))
            stream, _ = block(stream, fused=False)
        return found

    def _step(self, inputs: Tensor, state: Tensor) -> Tensor:  # noqa: ARG002
        raise DynalignError(
            f"{type(self).__name__} has no step on its states alone, since its step sizes depend on earlier inputs; "
            "its decays along a trajectory say how a state leads to the next."
        )

    def _run(self, inputs: Tensor, state_noise: Tensor | None, return_states: bool) -> Output:  # noqa: ARG002
        fused = not return_states and self.backend != "torch" and inputs.is_cuda and not isinstance(kernel(), str)
        stream = self.embedding(inputs)  # (batch, time, d)
        states = []
        for block in self.blocks:
            stream, block_states = block(stream, fused=fused)
            if block_states is not None:
                states.append(block_states.flatten(2))  # (batch, time, E N)
        logits = self.readout(self.norm(stream))
        return Output(logits, torch.cat(states, dim=-1) if return_states else None)


class MambaBlock(nn.Module):
    """Residual block: stream + mixer(norm(stream))."""

    def __init__(self, d_model: int, *, d_state: int, expand: int, d_conv: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(d_model)
        self.mixer = MambaMixer(d_model, d_state=d_state, expand=expand, d_conv=d_conv)

    def forward(self, stream: Tensor, *, fused: bool) -> tuple[Tensor, Tensor | None]:
        """Return the new stream (batch, time, d), and the states (batch, time, E, N) unless fused."""
        mixed, states = self.mixer(self.norm(stream), fused=fused)
        return stream + mixed, states


class MambaMixer(nn.Module):
    """The Mamba v1 block as in mamba-ssm: gate, causal convolution, selective scan."""

    def __init__(self, d_model: int, *, d_state: int, expand: int, d_conv: int) -> None:
        super().__init__()
        E, N, R = expand * d_model, d_state, math.ceil(d_model / 16)
        self.in_proj = nn.Linear(d_model, 2 * E, bias=False)
        self.conv1d = nn.Conv1d(E, E, d_conv, groups=E, padding=d_conv - 1)
        self.x_proj = nn.Linear(E, R + 2 * N, bias=False)
        self.dt_proj = nn.Linear(R, E)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, N + 1)).repeat(E, 1))
        self.D = nn.Parameter(torch.ones(E))
        self.out_proj = nn.Linear(E, d_model, bias=False)
        self._split = (R, N, N)
        with torch.no_grad():
            self.dt_proj.weight.uniform_(-(R**-0.5), R**-0.5)
            # Step sizes start log-uniform in [0.001, 0.1]: softplus(bias) = dt.
            dt = torch.exp(torch.empty(E).uniform_(math.log(1e-3), math.log(0.1)))
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))

    def forward(self, stream: Tensor, *, fused: bool) -> tuple[Tensor, Tensor | None]:
        """Mix along time; ``stream`` is (batch, time, d)."""
        x, gate, delta, A, B, C = self._selected(stream)
        if fused:
            return self.out_proj(_fused_scan(x, delta, A, B, C, self.D, gate)), None
        y, states = selective_scan(delta, A, B, C, x)
        return self.out_proj((y + self.D * x) * functional.silu(gate)), states

    def decays(self, stream: Tensor) -> Tensor:
        """Return what every state is multiplied with at every step, (batch, time, E, N)."""
        _, _, delta, A, _, _ = self._selected(stream)
        return decays(delta, A)

    def _selected(self, stream: Tensor) -> tuple[Tensor, ...]:
        """Return what scan and gate need: x, gate, delta (batch, time, E), A (E, N), B, C (batch, time, N)."""
        time = stream.shape[1]
        x, gate = self.in_proj(stream).chunk(2, dim=-1)
        x = functional.silu(self.conv1d(x.transpose(1, 2))[..., :time].transpose(1, 2))
        dt, B, C = self.x_proj(x).split(self._split, dim=-1)  # R, N, N
        delta = functional.softplus(self.dt_proj(dt))
        return x, gate, delta, -torch.exp(self.A_log), B, C


@cache
def kernel() -> Callable[..., Tensor] | str:
    """Return the scan of mamba-ssm, or in one line why it cannot be imported: absent, or built for another PyTorch."""
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except Exception as error:  # a package that does not fit this PyTorch or GPU raises all kinds
        return f"{type(error).__name__}: {error}".splitlines()[0]
    found: Callable[..., Tensor] = selective_scan_fn
    return found


def _fused_scan(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, gate: Tensor) -> Tensor:
    """Run scan, skip and gate in the kernel of mamba-ssm, which wants time last."""
    scan = kernel()
    assert not isinstance(scan, str)
    x, delta, B, C, gate = (tensor.transpose(1, 2).contiguous() for tensor in (x, delta, B, C, gate))
    mixed = scan(x, delta, A, B, C, D=D, z=gate, delta_softplus=False)
    return mixed.transpose(1, 2)
