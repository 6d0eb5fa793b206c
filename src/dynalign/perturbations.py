"""Where noise enters: the inputs, the recurrent state, or the recorded representation.

``std`` is always the standard deviation of Gaussian noise. With ``std = 0`` every perturbation is exactly the
unperturbed computation: nothing is drawn and nothing is added.
"""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dynalign.errors import DynalignError

States = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Perturbation(abc.ABC):
    """Gaussian noise of standard deviation ``std`` at one place; by default it touches none of them.

    Raises
    ------
    DynalignError
        If ``std`` is negative or not finite.
    """

    std: float = 0.0

    name: ClassVar[str]
    acts_on_network: ClassVar[bool] = True
    """Whether the network itself runs under the noise, so that training depends on it."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.std) and self.std >= 0):
            raise DynalignError(f"std={self.std:g} is no standard deviation: it must be a number >= 0, such as 0.1.")

    def check(self, *, model: str, accepts_state_noise: bool) -> None:  # noqa: B027 - most have nothing to refuse
        """Refuse a combination that has no meaning, before anything trains.

        Raises
        ------
        DynalignError
            If the noise cannot act on this model.
        """

    def on_inputs(self, inputs: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the inputs (trials, time, channels) that the network sees."""
        return inputs

    def state_noise(self, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor | None:  # noqa: ARG002
        """Return noise to add to the states (trials, time, units) at every step, or None for none."""
        return None

    def on_representation(self, states: States, rng: np.random.Generator) -> States:  # noqa: ARG002
        """Return the recorded states (trials, time, units) that a metric sees."""
        return states


@dataclass(frozen=True)
class InputNoise(Perturbation):
    """Independent noise on every input channel at every time step, in training, validation and recording."""

    name: ClassVar[str] = "input"

    def on_inputs(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return ``inputs`` plus noise."""
        if self.std == 0:
            return inputs
        noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)
        return inputs + self.std * noise.to(inputs.device)


@dataclass(frozen=True)
class RecurrentNoise(Perturbation):
    """Independent noise added to every unit of the state at every time step, and carried on by the recurrence."""

    name: ClassVar[str] = "recurrent"

    def check(self, *, model: str, accepts_state_noise: bool) -> None:
        """Refuse networks whose recurrence leaves no room for noise, such as a fused scan."""
        if self.std > 0 and not accepts_state_noise:
            raise DynalignError(
                f"Recurrent noise has no meaning for {model}: its recurrence is one fused scan, into which no noise "
                "can be added step by step; use the perturbation input or representation."
            )

    def state_noise(self, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor | None:
        """Return noise of the given shape (trials, time, units)."""
        if self.std == 0:
            return None
        return self.std * torch.randn(shape, generator=generator)


@dataclass(frozen=True)
class RepresentationNoise(Perturbation):
    r"""The study's variance-preserving mix of the recorded states with noise; the network runs without.

    With :math:`s` the root mean square over units of the states' standard deviation, the centred states become
    :math:`\sqrt{1-\epsilon^2}\,x + \epsilon s\,\xi`, :math:`\xi \sim N(0, 1)` (arXiv 2410.24070, the noise of
    its Lorenz experiment, made independent of the scale of the states). ``std`` is :math:`\epsilon` and lies
    between 0 (the states) and 1 (noise only).
    """

    name: ClassVar[str] = "representation"
    acts_on_network: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.std > 1:
            raise DynalignError(
                f"std={self.std:g} is too large for noise on the representation, a mix of states and noise at constant "
                "variance: it must lie between 0 (the states) and 1 (noise only)."
            )

    def on_representation(self, states: States, rng: np.random.Generator) -> States:
        """Return the mix of states and noise, with the states' mean and overall variance."""
        if self.std == 0:
            return states
        mean = states.mean(axis=(0, 1), keepdims=True)
        centred = states - mean
        spread = float(np.sqrt(np.mean(centred.astype(np.float64) ** 2)))
        noise = rng.standard_normal(states.shape)
        mixed: States = mean + math.sqrt(1 - self.std**2) * centred + self.std * spread * noise
        return mixed
