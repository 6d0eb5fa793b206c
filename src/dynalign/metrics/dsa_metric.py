"""DSA as its authors' package dsa-metric computes it, to be measured beside ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dynalign.errors import DynalignError, first_line
from dynalign.metrics.base import Invariance, Metric, Scale, check_scale, check_states


@dataclass(frozen=True)
class DSAMetric(Metric):
    """The package dsa-metric (Ostrow et al. 2023, arXiv 2306.10168), as it is: single precision, Adam, two starts.

    It needs ``pip install dynalign[peers]``. Its optimiser may stop short of the optimum, so that the distance depends
    on the order of the two systems and on the seed.

    Parameters
    ----------
    n_delays : int
        Delay vectors per state, the present one included.
    delay_interval : int
        Time steps between two of them.
    rank : int
        Dimensions in which the operator is fitted.
    center : bool
        Whether the mean of each unit is taken away first. The package leaves that to its user; False is the package
        alone.
    iters : int
        Steps of Adam.
    lr : float
        Its learning rate.
    scale : {"unit", "radians"}
        ``unit`` is the angle over pi/2.
    seed : int
        Of the optimiser's start.

    Raises
    ------
    DynalignError
        For parameters out of range, or if the package is not installed.
    """

    n_delays: int = 10
    delay_interval: int = 1
    rank: int = 20
    center: bool = True
    iters: int = 1000
    lr: float = 0.01
    scale: Scale = "unit"
    seed: int = 0

    name: ClassVar[str] = "dsa_metric"
    title: ClassVar[str] = "DSA (dsa-metric)"
    full_title: ClassVar[str] = "DSA as the package dsa-metric computes it"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "dynamics"
    about: ClassVar[str] = "The authors' own implementation of DSA, which aligns the operators by 1,000 steps of Adam."
    blind_spot: ClassVar[str] = "What DSA does not see, and how far it stayed from the best alignment."
    needs_matched_trials: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)
        for key in ("n_delays", "delay_interval", "rank", "iters"):
            if getattr(self, key) < 1:
                raise DynalignError(f"DSAMetric needs {key} >= 1, not {getattr(self, key)}.")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise DynalignError(f"DSAMetric needs lr > 0, not {self.lr}.")

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Rotation, scale, and translation where states are centred."""
        similarity = super().invariances
        return similarity if self.center else similarity - {"translation"}

    @property
    def triangle(self) -> bool:
        """Distances that are not at their optimum can break the inequality."""
        return False

    def prepare(self, x: npt.ArrayLike | Tensor, *, where: str = "x") -> Tensor:
        """Return the operator (rank, rank) that the package fits."""
        states, _ = check_states(x, where=where, metric=self.title, center=self.center)
        trials, time_steps, units = states.shape
        windows = time_steps - (self.n_delays - 1) * self.delay_interval
        most = min(self.n_delays * units, trials * max(windows - 1, 0))
        if self.rank > most:
            raise DynalignError(
                f"{where} has {trials} trials, {time_steps} time steps and {units} units: {self.n_delays} delays at "
                f"intervals of {self.delay_interval} leave room for rank {most}, not {self.rank}; use less of them."
            )
        fit = _package("dmd").DMD(
            torch.from_numpy(states), n_delays=self.n_delays, delay_interval=self.delay_interval, rank=self.rank
        )
        try:
            fit.fit()
        except (ValueError, RuntimeError) as error:
            raise DynalignError(f"dsa-metric refuses {where}: {first_line(error)}.") from error
        operator: Tensor = torch.as_tensor(fit.A_v)
        return operator

    def distances(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> npt.NDArray[np.float64]:
        """Return the angle of each pair of operators where the package's optimiser leaves it."""
        solver = _package("simdist").SimilarityTransformDist(iters=self.iters, lr=self.lr, score_method="angular")
        angles = []
        with torch.random.fork_rng(devices=[]):
            for first, second in pairs:
                torch.manual_seed(self.seed)
                # Copies, because the package changes what it is given.
                angles.append(float(solver.fit_score(first.clone(), second.clone())))
        return np.array(angles) / (1.0 if self.scale == "radians" else math.pi / 2)


def _package(module: str) -> Any:
    """Import a module of dsa-metric when it is needed, for it brings much that nothing else here needs."""
    import importlib

    try:
        return importlib.import_module(f"DSA.{module}")
    except ImportError as error:
        raise DynalignError(
            f"DSAMetric needs the package dsa-metric; pip install 'dynalign[peers]' brings it ({error})."
        ) from error
