"""DSA of driven systems: compare what two systems do by themselves, apart from what their inputs do to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from dynalign.metrics.hankel_dmd import HankelDMD, Rank
from dynalign.metrics.operators import OperatorMetric


@dataclass(frozen=True)
class InputDSA(OperatorMetric):
    r"""DSA of the internal operators of two driven systems.

    .. math:: v_{t+1} = A v_t + B u_{t+1}

    is fitted jointly by least squares (dynamic mode decomposition with control: Proctor, Brunton & Kutz 2016, arXiv
    1409.6358), v being the whitened delay vectors of DSA and u the inputs, and the operators A are compared as in DSA.
    Plain DSA fits without u: where inputs have structure in time, it takes that for the system's own.

    The question is that of InputDSA (Huang, Ostrow et al. 2025, arXiv 2510.25943). That method compares the operators B
    as well, and fits by subspace identification, which needs no full view of the state; this is its least-squares kin.

    Systems are given as ``Driven(states, inputs)``. The input at a time step is the one that the state of that time
    step has seen; what acts in the step from v_t to v_{t+1} is that of the newest state in v_{t+1}. Channels may be
    constant or combinations of each other, such as a one-hot rule; their units and mixtures do not matter.

    A is compared in coordinates in which states have the lengths that they have (``whiten=False``), unlike in DSA.
    Whitening divides by how far the states spread, which is a matter of the inputs, too: with it, one system driven in
    two ways seems about as different as two systems do. Without it such a system is at 0, if it is linear, seen as a
    whole and without delays, and if the rank keeps all of its directions. The price: what small directions do to large
    ones counts by the ratio of their sizes, and so does noise on it; keep the rank low enough. With ``whiten=True``,
    and inputs that never change, this is plain DSA to the last digit.

    Delays are for states that are seen in part. A delay vector holds earlier inputs as well as states, and what they
    did has no operator of its own: it counts as the system's own dynamics, so that these depend on the inputs again. A
    ``delay_interval`` above 1 or a rank that cuts adds to that, since v_t then lacks some of what drove the older
    states in v_{t+1}.

    Whether a change comes of the state or of the input can be told only as far as inputs cannot be foreseen from v_t.
    Where they can, such as one that is constant in each trial, from two delays, the input is taken for the cause, and A
    is the smallest operator that does the rest. Noise on the inputs, or no delays, help.

    ``loss`` has gradients with respect to states, not to inputs.

    Parameters
    ----------
    n_delays, delay_interval, rank, center, distance, scale, starts, seed, device
        See ``DSA``; other delays and another rank are the default.
    ridge : float
        See ``DSA``; a penalty on A alone, in whitened coordinates.
    whiten : bool
        Whether A is compared in the whitened coordinates of DSA.

    Raises
    ------
    DynalignError
        For parameters out of range, or a device that does not exist.
    """

    # Later the operators B, or both jointly, are to be compared; the fit has them as ``input_operator``.

    n_delays: int = 1
    rank: Rank = 10
    whiten: bool = False

    name: ClassVar[str] = "input_dsa"
    title: ClassVar[str] = "InputDSA"
    full_title: ClassVar[str] = "InputDSA, dynamical similarity analysis of driven systems"
    about: ClassVar[str] = (
        "Fits two linear operators to each network's delay-embedded states, for what a state leads to by itself and "
        "for what the input adds, and measures the angle between the first ones after the best rotation."
    )
    blind_spot: ClassVar[str] = (
        "How inputs enter, where the trajectories lie, and dynamics that are not linear at the chosen rank. Inputs "
        "that can be foreseen from the states take a part of the dynamics with them."
    )
    needs_inputs: ClassVar[bool] = True

    def _operator(self, fit: HankelDMD) -> Tensor:
        return fit.operator if self.whiten else fit.isometric()
