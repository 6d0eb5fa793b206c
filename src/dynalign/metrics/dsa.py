"""Dynamical similarity analysis: compare what two systems do, not where they do it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.metrics.base import Driven, Invariance, Metric, Scale, States, check_distance, check_states, precision
from dynalign.metrics.hankel_dmd import Embedding, HankelDMD, Rank, fit_hankel_dmd, prediction_error
from dynalign.metrics.spectra import wasserstein
from dynalign.metrics.vector_field_alignment import Frame, align, frame, optima

Distance = Literal["angular", "euclidean", "wasserstein"]


@dataclass(frozen=True, eq=False)
class System:
    """A system as DSA sees it: an operator (rank, rank), and what alignments need of it, made once."""

    operator: Tensor
    _frames: dict[tuple[int, int], Frame] = field(default_factory=dict, repr=False)

    def padded(self, size: int) -> Tensor:
        """Return the operator with directions without data added, up to ``size``."""
        more = size - len(self.operator)
        return torch.nn.functional.pad(self.operator, (0, more, 0, more))

    def frame(self, size: int, seed: int) -> Frame:
        """Return this system's side of an alignment of operators (size, size)."""
        if (size, seed) not in self._frames:
            self._frames[size, seed] = frame(self.padded(size).detach(), seed=seed)
        return self._frames[size, seed]


class Given(NamedTuple):
    """A checked system on the device of the fit, before it.

    Attributes
    ----------
    states : Tensor, shape (trials, time, units)
        Centred; over their size.
    inputs : Tensor, shape (trials, time, channels), or None
        What drove them, centred.
    rounding : float
        Relative rounding error of the numbers.
    """

    states: Tensor
    inputs: Tensor | None
    rounding: float


@dataclass(frozen=True)
class FitReport:
    """How far a fitted operator can be trusted.

    Attributes
    ----------
    kept_rank : int
        Directions that hold data.
    explained_variance : float
        Share of the delay embedding's variance that they hold.
    prediction_error : float
        Mean squared error of the operator one step on, over that of predicting no change (persistence). Near 1 or
        above, the operator has learnt nothing of the dynamics.
    span : float
        Orders of magnitude between the largest and the smallest direction kept. Above 5, the smallest may be noise.
    """

    kept_rank: int
    explained_variance: float
    prediction_error: float
    span: float


@dataclass(frozen=True)
class Explanation:
    """What a person needs to know to trust a DSA distance. ``print`` it.

    Attributes
    ----------
    distance : float
        The smallest one at which any start ended.
    x, y : FitReport
    starts, at_best : int
        Starts of the alignment, and how many of them ended at the best optimum. The spectra of
        ``distance="wasserstein"`` are matched exactly: 1 and 1.
    gap : float
        From that distance to the next larger one at which a start ended; infinite where there is none.
    """

    distance: float
    x: FitReport
    y: FitReport
    starts: int
    at_best: int
    gap: float

    def __str__(self) -> str:
        lines = [f"distance {self.distance:.6g}"]
        for name, fit in (("x", self.x), ("y", self.y)):
            lines.append(
                f"{name}: rank {fit.kept_rank} holds {fit.explained_variance:.2%} of the variance over {fit.span:.1f} "
                f"orders of magnitude; one-step error {fit.prediction_error:.3g} of persistence"
            )
        further = f"the next optimum is {self.gap:.2g} farther" if math.isfinite(self.gap) else "none found another"
        lines.append(f"alignment: {self.at_best} of {self.starts} starts found the best optimum; {further}")
        return "\n".join(lines)


@dataclass(frozen=True)
class DSA(Metric):
    r"""Distance between two systems' linear operators under the best orthogonal change of coordinates.

    .. math:: d(A, B) = \min_{C \in O(n)} \arccos \frac{\langle A, C B C^\top\rangle}{\|A\|_F \|B\|_F}

    where A and B are fitted to the delay-embedded states (Ostrow et al. 2023, arXiv 2306.10168, eq. 6). Delays run
    over time, never across trials. Trials, time steps and units of the two systems may differ. Invariant to
    rotation, translation, isotropic scaling, and to an orthonormal embedding in more dimensions. A metric on
    operators up to rotation, so the triangle inequality holds at the optimum, if ``rank`` is a number.

    The angle exceeds pi/2 (1 on the unit scale) only where even the best alignment is negative, as it may be for
    operators whose traces have opposite signs. It is not clipped.

    Parameters
    ----------
    n_delays : int
        Delay vectors per state, the present one included.
    delay_interval : int
        Time steps between two of them.
    rank : int, float or "optimal"
        Dimensions in which the operator is fitted: this many; or (a float up to 1) as many as hold this share of the
        variance; or those above the optimal hard threshold (Gavish & Donoho 2014). Where two systems differ in
        rank, the smaller operator gets directions without data, in which the next state is 0.
    ridge : float
        Penalty on the squared norm of the operator, whose coordinates have unit norm over all delay vectors.
    center : bool
        Whether the mean of each unit is taken away first. An operator is linear and knows no constant: of states that
        stay far from 0 it spends a direction on their mean, with an eigenvalue near 1. The package dsa-metric leaves
        this to its user.
    distance : {"angular", "euclidean", "wasserstein"}
        The angle above; :math:`\min_C \|A - C B C^\top\|_F`; or the 2-Wasserstein distance W2 (not squared) between
        the spectra, each eigenvalue of weight 1/n: the root mean squared distance of optimally matched
        eigenvalues in the complex plane. It needs no alignment, and it is 0 for operators that share a spectrum
        but not a shape.
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2. Only angles have it.
    starts : int
        Starting points of the alignment at most; a pair is done when five have ended at the best of all.
    seed : int
        Seed of their random mixtures.
    device : str, optional
        Where fits and alignments are computed, such as ``"cuda"``; the CPU by default.

    Raises
    ------
    DynalignError
        For parameters out of range, or a device that does not exist.
    """

    n_delays: int = 10
    delay_interval: int = 1
    rank: Rank = 20
    ridge: float = 0.0
    center: bool = True
    distance: Distance = "angular"
    scale: Scale = "unit"
    starts: int = 192
    seed: int = 0
    device: str | None = None

    name: ClassVar[str] = "dsa"
    title: ClassVar[str] = "DSA"
    full_title: ClassVar[str] = "DSA, dynamical similarity analysis"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "dynamics"
    about: ClassVar[str] = (
        "Fits a linear operator to each network's delay-embedded states, which says how a state leads to the next, and "
        "measures the angle between the two operators after the best rotation of one onto the other."
    )
    blind_spot: ClassVar[str] = (
        "Where the trajectories lie, how large they are, and any dynamics that the chosen delays and rank cannot hold. "
        "It can exceed 1 where even the best rotation leaves two operators opposed."
    )
    needs_matched_trials: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_distance(self.distance, self.scale, ("angular", "euclidean", "wasserstein"))
        for key in ("n_delays", "delay_interval", "starts"):
            if getattr(self, key) < 1:
                raise DynalignError(f"{self.title} needs {key} >= 1, not {getattr(self, key)}.")
        _check_rank(self.rank, self.title)
        if not (np.isfinite(self.ridge) and self.ridge >= 0):
            raise DynalignError(f"{self.title} needs ridge >= 0, not {self.ridge}.")
        if self.device is not None:
            _check_device(self.device)

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Rotation, scale, and translation where states are centred."""
        similarity = super().invariances
        return similarity if self.center else similarity - {"translation"}

    @property
    def triangle(self) -> bool:
        """Holds at the optimum where ``rank`` is a number; systems of different ranks are padded pair by pair."""
        return isinstance(self.rank, int)

    def prepare(self, x: Any, *, where: str = "x") -> System:
        """Return the fitted operator (rank, rank)."""
        return self._system(self._fit(self._given(x, where), where), where)

    def distances(self, pairs: Sequence[tuple[System, System]]) -> npt.NDArray[np.float64]:
        """Return the distance of each pair of operators."""
        values = np.empty(len(pairs))
        sizes = np.array([max(len(a.operator), len(b.operator)) for a, b in pairs], dtype=int)
        for size in np.unique(sizes):
            (here,) = np.nonzero(sizes == size)
            values[here] = self._measure([pairs[k] for k in here], int(size)).detach().cpu().numpy()
        return values

    def loss(self, x: npt.ArrayLike | Tensor | Driven, y: npt.ArrayLike | Tensor | Driven) -> Tensor:
        """Return the distance as a tensor of no axes, through which gradients flow to the states of ``x`` and ``y``.

        With it a network can be trained towards given dynamics. The best alignment is found as ever; at the optimum
        its own change does not matter to first order, so that it is held fixed in the backward pass (implicit
        differentiation; Danskin's theorem). The gradient of the fit itself is exact, and does not depend on how
        singular directions turn among each other. At distance 0, where an angle has no derivative, it is 0.

        Parameters
        ----------
        x, y
            As in a call.

        Raises
        ------
        DynalignError
            As a call does; and where the kept singular values span more than five orders of magnitude, since no
            useful gradient can be had there.
        """
        systems = [
            self._system(self._fit(self._given(each, where, gradient=True), where), where)
            for each, where in ((x, "x"), (y, "y"))
        ]
        size = max(len(system.operator) for system in systems)
        return self._measure([(systems[0], systems[1])], size)[0]

    def explain(self, x: npt.ArrayLike | Tensor | Driven, y: npt.ArrayLike | Tensor | Driven) -> Explanation:
        """Say how far the distance of ``x`` and ``y`` can be trusted: their fits, and what all starts found.

        Unlike a call, it lets every start climb to its end, so that it may even find a better optimum.
        """
        systems: list[System] = []
        reports: list[FitReport] = []
        for raw, where in ((x, "x"), (y, "y")):
            given = self._given(raw, where)
            fit = self._fit(given, where)
            reports.append(FitReport(fit.kept_rank, fit.explained_variance, self._error(fit, given), fit.span))
            systems.append(self._system(fit, where))
        return self._explained((systems[0], systems[1]), *reports)

    @property
    def _device(self) -> torch.device:
        return torch.device(self.device or "cpu")

    @property
    def _embedding(self) -> Embedding:
        return Embedding(self.n_delays, self.delay_interval)

    def _given(self, x: Any, where: str, *, gradient: bool = False) -> Given:
        """Check a system; ``gradient`` keeps the way back to its states."""
        states, size = check_states(x, where=where, center=self.center)
        return Given(self._on_device(x, states, size, gradient), None, precision(x))

    def _on_device(self, raw: npt.ArrayLike | Tensor, states: States, size: float, gradient: bool) -> Tensor:
        """Return checked states as a tensor; as one made of ``raw`` where a gradient is to flow there."""
        if not (gradient and isinstance(raw, Tensor) and raw.requires_grad):
            return torch.from_numpy(states).to(self._device)
        scaled = raw.to(self._device, torch.float64) / size
        return scaled - scaled.mean((0, 1)) if self.center else scaled

    def _fit(self, given: Given, where: str) -> HankelDMD:
        return fit_hankel_dmd(
            given.states,
            self._embedding,
            rank=self.rank,
            ridge=self.ridge,
            rounding=given.rounding,
            inputs=given.inputs,
            where=where,
        )

    def _system(self, fit: HankelDMD, where: str) -> System:
        operator = self._operator(fit)
        norm = torch.linalg.matrix_norm(operator)
        if norm.item() < 1e-12:
            raise DynalignError(f"The operator of {where} vanishes: its next state cannot be told from its present.")
        return System(operator / norm if self.distance == "angular" else operator)

    def _operator(self, fit: HankelDMD) -> Tensor:
        """Return the operator that is compared."""
        return fit.operator

    def _error(self, fit: HankelDMD, given: Given) -> float:
        """Return the fit's error one step on, over that of persistence."""
        return prediction_error(fit, self._embedding, given.states, given.inputs)

    def _explained(self, pair: tuple[System, System], x: FitReport, y: FitReport) -> Explanation:
        """Return what all starts find for a pair."""
        if self.distance == "wasserstein":
            return Explanation(float(self.distances([pair])[0]), x, y, starts=1, at_best=1, gap=math.inf)
        first, second = _ordered(pair)
        size = max(len(first.operator), len(second.operator))
        found = optima(first.frame(size, self.seed), second.frame(size, self.seed), starts=self.starts)
        a, b = first.padded(size), second.padded(size)
        best, further = (
            math.inf if c is None else float(self._between(a, c @ b @ c.mT)) for c in (found.best, found.runner_up)
        )
        return Explanation(best, x, y, starts=self.starts, at_best=found.at_best, gap=further - best)

    def _measure(self, pairs: Sequence[tuple[System, System]], size: int) -> Tensor:
        """Return the distance of each pair, whose larger operator has ``size`` rows."""
        ordered = [_ordered(pair) for pair in pairs]
        a, b = (torch.stack([system.padded(size) for system in side]) for side in zip(*ordered, strict=True))
        if self.distance == "wasserstein":
            spectra = zip(torch.linalg.eigvals(a), torch.linalg.eigvals(b), strict=True)
            return torch.stack([wasserstein(p, q) for p, q in spectra])
        first, second = ([system.frame(size, self.seed) for system in side] for side in zip(*ordered, strict=True))
        c = align(first, second, starts=self.starts)
        return self._between(a, c @ b @ c.mT)

    def _between(self, a: Tensor, aligned: Tensor) -> Tensor:
        """Return the distance of aligned operators (..., n, n)."""
        difference: Tensor = torch.linalg.matrix_norm(a - aligned)
        if self.distance == "euclidean":
            return difference
        # Unlike the arc cosine, this keeps its digits near 0; see ``base.angle``.
        radians = 2 * torch.atan2(difference, torch.linalg.matrix_norm(a + aligned))
        return radians if self.scale == "radians" else radians / (math.pi / 2)


def _ordered(pair: tuple[System, System]) -> tuple[System, System]:
    """Return (A, B) and (B, A) in one order, so that the solver gives both exactly the same number."""
    first, second = (
        (float(torch.trace(x)), float(torch.linalg.matrix_norm(x + x.mT))) for x in (s.operator.detach() for s in pair)
    )
    return pair if first <= second else pair[::-1]


def _check_rank(rank: Any, title: str) -> None:
    whole = isinstance(rank, int) and not isinstance(rank, bool) and rank >= 1
    share = isinstance(rank, float) and 0 < rank <= 1
    if not (whole or share or rank == "optimal"):
        raise DynalignError(
            f"{title} needs as rank a number >= 1, a share of variance such as 0.99, or optimal, not {rank}."
        )


def _check_device(name: str) -> None:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DynalignError(f"device={name} is unknown; use cpu, cuda or cuda:0.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DynalignError(f"device={name} needs a CUDA GPU, and PyTorch sees none; use cpu.")
    if device.type not in ("cpu", "cuda"):
        raise DynalignError(f"device={name} has no float64 linear algebra here; use cpu or cuda.")
