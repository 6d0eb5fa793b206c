"""DSA of driven systems: compare what two systems do by themselves, what their inputs do to them, or both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.metrics import subspace
from dynalign.metrics.base import Driven
from dynalign.metrics.driven_system import DrivenSystem, nearest_turn
from dynalign.metrics.hankel_dmd import HankelDMD, Rank
from dynalign.metrics.operators import Explanation, FitReport, Given, OperatorMetric, System

Compare = Literal["internal", "input", "joint"]
Fit = Literal["dmdc", "subspace"]


@dataclass(frozen=True)
class InputDSA(OperatorMetric):
    r"""DSA of two driven systems: of their internal operators, their input operators, or both jointly.

    .. math:: v_{t+1} = A v_t + B u_{t+1}

    is fitted jointly by least squares (dynamic mode decomposition with control: Proctor, Brunton & Kutz 2016, arXiv
    1409.6358), v being the whitened delay vectors of DSA and u the inputs. Plain DSA fits without u: where inputs have
    structure in time, it takes that for the system's own. The question, and the three comparisons, are those of
    InputDSA (Huang, Ostrow et al. 2025, arXiv 2510.25943).

    ``compare`` says of what the distance is. With operators over their norms,

    .. math::

        \cos d = \max_{C \in O(n)} \begin{cases}
            \langle A, C A' C^\top\rangle & \text{internal} \\
            \langle B, C B'\rangle & \text{input} \\
            (1 - w) \langle A, C A' C^\top\rangle + w \langle B, C B'\rangle & \text{joint}
        \end{cases}

    The joint distance asks for one C that suits both: it is the angle between the pairs
    :math:`(\sqrt{1-w}\,A, \sqrt w\,B)`, and a metric as that of DSA is. It is found by DSA's own alignment, which
    holds the axes of the inputs; the authors' package aligns controllability matrices instead, by one orthogonal
    Procrustes problem, which weighs the powers of A by their size. The distance of input operators alone is such a
    problem. For these two, channel k must mean the same in both systems, in other units perhaps: each channel is
    brought to a standard deviation of 1 (a root mean square of 1, where ``center=False``). Their number must be the
    same. A constant channel counts as one that does nothing.

    Systems are given as ``Driven(states, inputs)``. The input at a time step is the one that the state of that time
    step has seen; what acts in the step from v_t to v_{t+1} is that of the newest state in v_{t+1}. Channels may be
    constant or combinations of each other, such as a one-hot rule; of A, their units and mixtures do not matter.

    Operators are compared in coordinates in which states have the lengths that they have (``whiten=False``), unlike in
    DSA. Whitening divides by how far the states spread, which is a matter of the inputs, too: with it, one system
    driven in two ways seems about as different as two systems do. Without it such a system is at 0, if it is linear,
    seen as a whole and without delays, and if the rank keeps all of its directions. The price: what small directions do
    to large ones counts by the ratio of their sizes, and so does noise on it; keep the rank low enough. With
    ``whiten=True``, and inputs that never change, the internal comparison is plain DSA to the last digit.

    Delays are for states that are seen in part. A delay vector holds earlier inputs as well as states, and what they
    did has no operator of its own: it counts as the system's own dynamics, so that these depend on the inputs again. A
    ``delay_interval`` above 1 or a rank that cuts adds to that, since v_t then lacks some of what drove the older
    states in v_{t+1}. ``fit="subspace"`` has no such fault: it finds the states behind what is seen, from as many steps
    of the past and the future as there are delays (see ``dynalign.metrics.subspace``), and what it calls v_t is what
    these states lead to if nothing drives them. It needs as many delays as make the future no smaller than the rank,
    and longer trials.

    Whether a change comes of the state or of the input can be told only as far as inputs cannot be foreseen from v_t.
    Where they can, such as one that is constant in each trial, from two delays, the input is taken for the cause, and A
    is the smallest operator that does the rest. Noise on the inputs, or no delays, help.

    ``loss`` has gradients with respect to states, not to inputs.

    Parameters
    ----------
    n_delays, delay_interval, rank, center, scale, starts, seed, device
        See ``DSA``; other delays and another rank are the default.
    ridge : float
        See ``DSA``; a penalty on A alone, in whitened coordinates.
    distance : {"angular", "euclidean", "wasserstein"}
        As in ``DSA``. Spectra are those of A; only an internal comparison has them. The Euclidean distance takes
        operators as they are, with B in root mean squared lengths of the states per standard deviation of a channel,
        and its square is the mean of both squares, weighed by 1 - w and w.
    whiten : bool
        Whether operators are compared in the whitened coordinates of DSA.
    compare : {"internal", "input", "joint"}
        The operators A, the operators B, or both under one C.
    weight : float
        w, the share of the input operators in a joint comparison, between 0 and 1.
    fit : {"dmdc", "subspace"}
        Least squares between delay vectors, or subspace identification, whose windows are not spaced out:
        ``delay_interval`` is 1 then, and ``loss`` has no gradient.

    Raises
    ------
    DynalignError
        For parameters out of range or that do not go together, or a device that does not exist; and in a call, if a
        comparison with input operators is asked of systems with different numbers of channels, or whose inputs do
        nothing.
    """

    n_delays: int = 1
    rank: Rank = 10
    whiten: bool = False
    compare: Compare = "internal"
    weight: float = 0.5
    fit: Fit = "dmdc"

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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compare not in ("internal", "input", "joint"):
            raise DynalignError(f"compare={self.compare} is unknown; use internal, input or joint.")
        if self.fit not in ("dmdc", "subspace"):
            raise DynalignError(f"fit={self.fit} is unknown; use dmdc or subspace.")
        if self.compare != "internal" and self.distance == "wasserstein":
            raise DynalignError(f"compare={self.compare} needs distance=angular or euclidean; inputs have no spectrum.")
        if not 0 < self.weight < 1:
            raise DynalignError(
                f"{self.title} needs a weight between 0 and 1, not {self.weight}; compare=internal and compare=input "
                "are its ends."
            )
        if self.compare != "joint" and self.weight != type(self).weight:
            raise DynalignError(f"weight={self.weight} needs compare=joint; compare={self.compare} weighs nothing.")
        if self.fit == "subspace" and self.delay_interval != 1:
            raise DynalignError(f"fit=subspace needs delay_interval=1, not {self.delay_interval}; thin the time steps.")

    def distances(self, pairs: Sequence[tuple[System, System]]) -> npt.NDArray[np.float64]:
        """Return the distance of each pair of systems."""
        if self.compare == "internal":
            return super().distances(pairs)
        channels = np.array([_channels(pair) for pair in pairs], dtype=int)
        values = np.empty(len(pairs))
        for number in np.unique(channels):
            (here,) = np.nonzero(channels == number)
            values[here] = super().distances([pairs[k] for k in here])
        return values

    def loss(self, x: npt.ArrayLike | Tensor | Driven, y: npt.ArrayLike | Tensor | Driven) -> Tensor:
        """See ``DSA.loss``; there is none for ``fit="subspace"``."""
        if self.fit == "subspace":
            raise DynalignError("fit=subspace has no gradient; use fit=dmdc.")
        return super().loss(x, y)

    def _given(self, x: Any, where: str, *, gradient: bool = False) -> Given:
        given = super()._given(x, where, gradient=gradient)
        assert given.inputs is not None
        return given._replace(inputs=_of_one_size(given.inputs))

    def _fit(self, given: Given, where: str, **how: Any) -> HankelDMD:
        if self.fit == "dmdc":
            found = super()._fit(given, where, **how)
            embedding = self._embedding
            moments = embedding.count(embedding.long(given.states))
        else:
            found, moments = self._identified(given, where), subspace.moments(given.states, self.n_delays)
        # From coordinates of norm 1 to such of variance 1, so that input operators do not depend on how much is given.
        size = math.sqrt(moments)
        return replace(found, whitening=found.whitening * size, input_operator=found.input_operator * size)

    def _identified(self, given: Given, where: str) -> HankelDMD:
        assert given.inputs is not None
        return subspace.fit_subspace(
            given.states,
            given.inputs,
            window=self.n_delays,
            rank=self.rank,
            ridge=self.ridge,
            rounding=given.rounding,
            where=where,
        )

    def _error(self, fit: HankelDMD, given: Given) -> float:
        if self.fit == "dmdc":
            return super()._error(fit, given)
        assert given.inputs is not None
        return subspace.prediction_error(fit, given.states, given.inputs, window=self.n_delays, rounding=given.rounding)

    def _operator(self, fit: HankelDMD) -> Tensor:
        return fit.operator if self.whiten else fit.isometric()

    def _system(self, fit: HankelDMD, where: str) -> System:
        if self.compare == "internal":
            return super()._system(fit, where)
        inputs = self._input_operator(fit)
        norm = torch.linalg.matrix_norm(inputs)
        if norm.item() < 1e-12:
            raise DynalignError(f"The inputs of {where} do nothing to its states; use compare=internal.")
        share = self.weight if self.compare == "joint" else 1.0
        inputs = math.sqrt(share) * (inputs / norm if self.distance == "angular" else inputs)
        if self.compare == "input":
            return DrivenSystem(self._operator(fit), where=where, input_operator=inputs)
        own = super()._system(fit, where)
        return DrivenSystem(math.sqrt(1 - share) * own.operator, where=where, input_operator=inputs)

    def _input_operator(self, fit: HankelDMD) -> Tensor:
        """Return the input operator in the coordinates that are compared, over the root mean square of their length."""
        if self.whiten:
            return fit.input_operator / math.sqrt(fit.kept_rank)
        squares = torch.linalg.inv(fit.whitening.mT @ fit.whitening).diagonal()
        added: Tensor = fit.isometric_input() / squares.sum().sqrt()
        return added

    def _measure(self, pairs: Sequence[tuple[System, System]], size: int) -> Tensor:
        if self.compare == "internal":
            return super()._measure(pairs, size)
        for pair in pairs:
            _channels(pair)
        if self.compare == "joint":
            return super()._measure(pairs, size)
        a, b = (
            torch.stack([_driven(system).padded_input(size) for system in side]) for side in zip(*pairs, strict=True)
        )
        return self._between(a, nearest_turn(a, b) @ b)

    def _explained(self, pair: tuple[System, System], x: FitReport, y: FitReport) -> Explanation:
        if self.compare != "internal":
            _channels(pair)
        if self.compare != "input":
            return super()._explained(pair, x, y)
        return Explanation(float(self.distances([pair])[0]), x, y, starts=1, at_best=1, gap=math.inf)


def _driven(system: System) -> DrivenSystem:
    assert isinstance(system, DrivenSystem)
    return system


def _channels(pair: tuple[System, System]) -> int:
    """Return how many channels both systems of a pair have; raise a DynalignError where they differ."""
    first, second = (_driven(system).channels for system in pair)
    if first != second:
        raise DynalignError(
            f"x has {first} input channels and y has {second}, but input operators are compared channel by channel; "
            "give both the same channels, or use compare=internal."
        )
    return first


def _of_one_size(inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return inputs (trials, time, channels), each channel with a root mean square of 1 over all, or 0 throughout."""
    every = torch.cat([block.flatten(0, 1) for block in inputs])
    peak = every.abs().amax(dim=0)
    peak = torch.where(peak > 0, peak, 1)  # first by the peak, whose square may be no number of float64
    size = (every / peak).square().mean(dim=0).sqrt()
    size = torch.where(size > 0, size, 1)
    return [block / peak / size for block in inputs]
