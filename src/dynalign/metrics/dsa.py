"""Dynamical similarity analysis: compare what two systems do, not where they do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics.base import Metric, Scale, angle, check_scale, check_states, precision
from dynalign.metrics.hankel_dmd import HankelDMD, fit_hankel_dmd
from dynalign.metrics.vector_field_alignment import align


@dataclass(frozen=True)
class DSA(Metric):
    r"""Angle between two systems' linear operators under the best orthogonal change of coordinates.

    .. math:: d(A, B) = \min_{C \in O(n)} \arccos \frac{\langle A, C B C^\top\rangle}{\|A\|_F \|B\|_F}

    where A and B are fitted to the delay-embedded states (Ostrow et al. 2023, arXiv 2306.10168, eq. 6). Delays run
    over time, never across trials. Trials, time steps and units of the two systems may differ. Invariant to
    rotation, translation, isotropic scaling, and to an orthonormal embedding in more dimensions. A metric on
    operators up to rotation, so the triangle inequality holds at the optimum.

    The angle exceeds pi/2 (1 on the unit scale) only where even the best alignment is negative, as it may be for
    operators whose traces have opposite signs. It is not clipped.

    Parameters
    ----------
    n_delays : int
        Delay vectors per state, the present one included.
    delay_interval : int
        Time steps between two of them.
    rank : int
        Dimensions in which the operator is fitted.
    ridge : float
        Penalty on the operator.
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2.
    starts : int
        Starting points of the alignment; more find the optimum more surely.
    seed : int
        Seed of the random ones among them.
    device : str, optional
        Where alignments are computed, such as ``"cuda"``; the CPU by default.

    Raises
    ------
    DynalignError
        For parameters out of range, or a device that does not exist.
    """

    n_delays: int = 10
    delay_interval: int = 1
    rank: int = 20
    ridge: float = 0.0
    scale: Scale = "unit"
    starts: int = 24
    seed: int = 0
    device: str | None = None

    name: ClassVar[str] = "dsa"
    needs_matched_trials: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_scale(self.scale)
        for key in ("n_delays", "delay_interval", "rank", "starts"):
            if getattr(self, key) < 1:
                raise DynalignError(f"DSA needs {key} >= 1, not {getattr(self, key)}.")
        if not (np.isfinite(self.ridge) and self.ridge >= 0):
            raise DynalignError(f"DSA needs ridge >= 0, not {self.ridge}.")
        if self.device is not None:
            _check_device(self.device)

    def diagnostics(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> HankelDMD:
        """Return the operator fitted to ``x`` (trials, time, units), and how far it can be trusted."""
        return fit_hankel_dmd(
            check_states(x, where=where)[0],
            n_delays=self.n_delays,
            delay_interval=self.delay_interval,
            rank=self.rank,
            ridge=self.ridge,
            rounding=precision(x),
            where=where,
        )

    def prepare(self, x: npt.ArrayLike | torch.Tensor, *, where: str = "x") -> npt.NDArray[np.float64]:
        """Return the operator (rank, rank), of norm 1."""
        operator = self.diagnostics(x, where=where).operator
        norm = float(np.linalg.norm(operator))
        if norm < 1e-12:
            raise DynalignError(f"The operator of {where} vanishes: its next state cannot be told from its present.")
        return operator / norm

    def distances(
        self, pairs: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]
    ) -> npt.NDArray[np.float64]:
        """Return the angle of each pair of operators."""
        if not pairs:
            return np.empty(0)
        # One order for (A, B) and (B, A), so that the solver gives both exactly the same number.
        ordered = [pair if _order(pair[0]) <= _order(pair[1]) else pair[::-1] for pair in pairs]
        device = torch.device(self.device or "cpu")
        a, b = (torch.from_numpy(np.stack(side)).to(device) for side in zip(*ordered, strict=True))
        aligned = align(a, b, starts=self.starts, seed=self.seed)
        differences = torch.linalg.matrix_norm(a - aligned).tolist()
        totals = torch.linalg.matrix_norm(a + aligned).tolist()
        return np.array([angle(d, t, self.scale) for d, t in zip(differences, totals, strict=True)])


def _order(operator: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return numbers that order operators and do not depend on their coordinates."""
    return float(np.trace(operator)), float(np.linalg.norm(operator + operator.T))


def _check_device(name: str) -> None:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DynalignError(f"device={name} is unknown; use cpu, cuda or cuda:0.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DynalignError(f"device={name} needs a CUDA GPU, and PyTorch sees none; use cpu.")
    if device.type not in ("cpu", "cuda"):
        raise DynalignError(f"device={name} has no float64 linear algebra here; use cpu or cuda.")
