"""What metrics of dynamics share: an operator fitted to each system, and their distance under the best rotation."""

from __future__ import annotations

import abc
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.metrics.base import Driven, Invariance, Metric, Scale, check_distance
from dynalign.metrics.delays import Embedding
from dynalign.metrics.hankel_dmd import HankelDMD, Rank, fit_hankel_dmd, prediction_error
from dynalign.metrics.spectra import wasserstein
from dynalign.metrics.trials import Trials, check_trials
from dynalign.metrics.vector_field_alignment import Frame, align, frame, optima

Distance = Literal["angular", "euclidean", "wasserstein"]

_LEARNT_NOTHING = 0.95  # share of the error of the simplest predictions at which an operator says nothing of dynamics


class PredictionWarning(UserWarning):
    """An operator predicts hardly better than no change, or than the mean: it says little of the dynamics."""


@dataclass(frozen=True, eq=False)
class System:
    """A system as operators tell it.

    Attributes
    ----------
    operator : Tensor, shape (rank, rank)
        Zero beyond the directions that hold data.
    kept_rank : int
        How many these are; all of them if not given.
    size : float
        The operator's norm before it was divided by it.
    where : str
        What the system is called in errors.
    """

    operator: Tensor
    kept_rank: int = 0
    size: float = 1.0
    where: str = "a system"
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
    states : list of Tensor, shape (trials, time, units)
        Trials of one length together; centred; over their size.
    inputs : list of Tensor, shape (trials, time, channels), or None
        What drove them, centred.
    rounding : float
        Relative rounding error of the numbers.
    """

    states: list[Tensor]
    inputs: list[Tensor] | None
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
        Mean squared error of the operator one horizon on, over that of predicting no change (persistence). Near 1 or
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
                f"orders of magnitude; error of its prediction {fit.prediction_error:.3g} of persistence"
            )
        further = f"the next optimum is {self.gap:.2g} farther" if math.isfinite(self.gap) else "none found another"
        lines.append(f"alignment: {self.at_best} of {self.starts} starts found the best optimum; {further}")
        return "\n".join(lines)


@dataclass(frozen=True)
class OperatorMetric(Metric):
    """A distance between operators that are fitted to delay-embedded states; see ``DSA`` for the parameters.

    A subclass says which operator is compared.
    """

    n_delays: int = 5
    delay_interval: int = 1
    rank: Rank = 8
    ridge: float = 0.0
    center: bool = True
    distance: Distance = "angular"
    scale: Scale = "unit"
    starts: int = 192
    seed: int = 0
    device: str | None = None

    compares: ClassVar[Literal["dynamics", "geometry"]] = "dynamics"
    needs_matched_trials: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_distance(self.distance, self.scale, ("angular", "euclidean", "wasserstein"))
        for key in ("n_delays", "delay_interval", "starts"):
            if getattr(self, key) < 1:
                raise DynalignError(f"{self.title} needs {key} >= 1, not {getattr(self, key)}.")
        _check_rank(self.rank, self.title)
        if self.rank == 1 and isinstance(self.rank, int) and self.distance == "angular":
            raise DynalignError(
                f"{self.title} with rank=1 compares single numbers, of which an angle sees no more than the sign; use "
                "a higher rank, or distance=euclidean."
            )
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
    def steps(self) -> int:
        """Time steps that the operator leads on."""
        return 1

    @property
    def _device(self) -> torch.device:
        return torch.device(self.device or "cpu")

    @property
    def _embedding(self) -> Embedding:
        return Embedding(self.n_delays, self.delay_interval)

    def _given(self, x: Any, where: str, *, gradient: bool = False) -> Given:
        """Check a system; ``gradient`` keeps the way back to its states."""
        trials = check_trials(x, where=where, metric=self.title, center=self.center, driven=self.needs_inputs)
        raw = x.states if self.needs_inputs else x
        states = [self._graph(raw, trials)] if gradient and _has_graph(raw) else self._on_device(trials.states)
        return Given(states, None if trials.inputs is None else self._on_device(trials.inputs), trials.rounding)

    def _on_device(self, arrays: Sequence[npt.NDArray[np.float64]]) -> list[Tensor]:
        return [torch.from_numpy(np.ascontiguousarray(each)).to(self._device) for each in arrays]

    def _graph(self, raw: Tensor, trials: Trials) -> Tensor:
        """Return what was checked as a tensor through which a gradient flows to ``raw``."""
        scaled = raw.to(self._device, torch.float64) / trials.size
        return scaled - scaled.mean((0, 1)) if self.center else scaled

    def _fit(self, given: Given, where: str, **how: Any) -> HankelDMD:
        fit = fit_hankel_dmd(
            given.states,
            self._embedding,
            rank=self.rank,
            ridge=self.ridge,
            rounding=given.rounding,
            inputs=given.inputs,
            horizon=self.steps,
            where=where,
            **how,
        )
        if given.inputs is None and fit.unexplained > _LEARNT_NOTHING:
            warnings.warn(
                f"The operator of {where} predicts hardly better than no change or the mean would (its squared error "
                f"is {fit.unexplained:.0%} of theirs): it says little of the dynamics.",
                PredictionWarning,
                stacklevel=2,
            )
        return fit

    def _system(self, fit: HankelDMD, where: str) -> System:
        operator = self._operator(fit)
        norm = torch.linalg.matrix_norm(operator)
        if norm.item() < 1e-12:
            raise DynalignError(f"The operator of {where} vanishes: its next state cannot be told from its present.")
        unit = operator / norm if self.distance == "angular" else operator
        return System(unit, fit.kept_rank, float(norm.detach()), where)

    @abc.abstractmethod
    def _operator(self, fit: HankelDMD) -> Tensor:
        """Return the operator that is compared."""

    def _error(self, fit: HankelDMD, given: Given) -> float:
        """Return the fit's error one horizon on, over that of persistence."""
        return prediction_error(fit, self._embedding, given.states, given.inputs, self.steps)

    def _explained(self, pair: tuple[System, System], x: FitReport, y: FitReport) -> Explanation:
        """Return what all starts find for a pair."""
        if self.distance == "wasserstein":
            return Explanation(float(self.distances([pair])[0]), x, y, starts=1, at_best=1, gap=math.inf)
        if self.distance == "angular":
            _check_angle(*pair)
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
        if self.distance == "angular":
            for pair in pairs:
                _check_angle(*pair)
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


def _check_angle(x: System, y: System) -> None:
    """Raise a DynalignError where two operators are single numbers that differ."""
    if x.kept_rank == y.kept_rank == 1 and not math.isclose(x.size, y.size, rel_tol=1e-6):
        raise DynalignError(
            f"{x.where} and {y.where} keep one direction each: their operators are single numbers, of which an angle "
            "sees no more than the sign; use distance=euclidean, or more delays."
        )


def _has_graph(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


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
