"""DSA of driven systems: compare what two systems do by themselves, apart from what their inputs do to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from dynalign.metrics.base import check_driven, precision
from dynalign.metrics.dsa import DSA, Given


@dataclass(frozen=True)
class InputDSA(DSA):
    r"""DSA of the internal operators of two driven systems.

    .. math:: v_{t+1} = A v_t + B u_{t+1}

    is fitted jointly by least squares (dynamic mode decomposition with control: Proctor, Brunton & Kutz 2016, arXiv
    1409.6358), v being the whitened delay vectors of DSA and u the inputs; the operators A are compared as in DSA,
    whose settings these are. Plain DSA fits without u: where inputs have structure in time, it takes that for the
    system's own. With inputs that never change this is plain DSA, to the last digit.

    The question is that of InputDSA (Huang, Ostrow et al. 2025, arXiv 2510.25943). That method compares the operators B
    as well, and fits by subspace identification, which needs no full view of the state; this is its least-squares kin.

    Systems are given as ``Driven(states, inputs)``. The input at a time step is the one that the state of that time
    step has seen; what acts in the step from v_t to v_{t+1} is that of the newest state in v_{t+1}. Earlier inputs have
    no operator: what they did is in the states. With a rank that cuts, or a ``delay_interval`` above 1, v_t does not
    hold all that drove the older states in v_{t+1}; the rest passes for noise, or where inputs are alike over time for
    the system's own dynamics.

    Whether a change comes of the state or of the input can be told only as far as inputs cannot be foreseen from v_t.
    One that is constant in each trial and differs among trials can be read from two states: then the input is taken for
    the cause, and A is the smallest operator that does the rest. Noise on the inputs, or fewer delays, help.

    Channels may be constant or combinations of each other, such as a one-hot rule; their units and mixtures do not
    matter. The operators B are fitted and not compared, so the dissimilarity does not say how inputs enter. They still
    decide which directions of state space are large, and whitening is by size: one A driven in two different ways is
    near itself, and at 0 only if the states spread alike. The spectra are free of that (``distance="wasserstein"``, if
    the rank keeps everything).

    ``loss`` has gradients with respect to states, not to inputs. ``ridge`` is a penalty on A alone.
    """

    name: ClassVar[str] = "input_dsa"
    title: ClassVar[str] = "InputDSA"
    full_title: ClassVar[str] = "InputDSA, dynamical similarity analysis of driven systems"
    about: ClassVar[str] = (
        "Fits two linear operators to each network's delay-embedded states, for what a state leads to by itself and "
        "for what the input adds, and measures the angle between the first ones after the best rotation."
    )
    blind_spot: ClassVar[str] = (
        "How inputs enter, and what DSA does not see. Inputs that can be foreseen from the states, such as one that is "
        "constant in a trial, take a part of the dynamics with them."
    )
    needs_inputs: ClassVar[bool] = True

    def _given(self, x: Any, where: str, *, gradient: bool = False) -> Given:
        states, size, inputs = check_driven(x, where=where, metric=self.title)
        return Given(
            states=self._on_device(x.states, states, size, gradient),
            inputs=torch.from_numpy(inputs).to(self._device),
            rounding=max(precision(x.states), precision(x.inputs)),
        )
