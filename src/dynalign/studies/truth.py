"""What the dynamics of networks truly are, to hold metrics against: spectra of their Jacobians, and fixed points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from dynalign.dynamics import fixed_points, inputs_of_period, mean_jacobian
from dynalign.errors import DynalignError
from dynalign.identity import code_key
from dynalign.metrics import Metric
from dynalign.metrics.spectra import wasserstein
from dynalign.networks import States
from dynalign.representations import Representation, Stored, network_at
from dynalign.store import Run, RunStore, read_result, write_result
from dynalign.studies.population import Member, Population
from dynalign.tasks import Task

_STARTS = 64  # of the search for fixed points


@dataclass(frozen=True)
class JacobianSpectrum(Representation):
    """Not states, but the eigenvalues of the mean Jacobian over the probe trials' period.

    A metric is given them as one trial of (eigenvalues, 2): real and imaginary parts. Those of Mamba are the mean
    decays of its scans, layer by layer.
    """

    components: int | None = None

    def of(self, run: Stored, epoch: int, *, classes: Iterable[type] = ()) -> States:
        """Return the eigenvalues of a stored run at a checkpoint, shape (1, eigenvalues, 2)."""
        network = network_at(run, epoch, classes)
        probe = self.probe(network.task)
        where = None if self.period is None else probe.in_period(self.period)
        matrices = mean_jacobian(network.model, probe.inputs, where)
        eigenvalues = np.concatenate([np.linalg.eigvals(matrix) for matrix in matrices])
        return np.stack([eigenvalues.real, eigenvalues.imag], axis=-1)[None].astype(np.float64)

    def check_metrics(self, metrics: Sequence[Metric], task: Task, units: int) -> None:  # noqa: ARG002
        """Refuse metrics of states."""
        for metric in metrics:
            if not isinstance(metric, SpectralDistance):
                raise DynalignError(f"{metric.label} compares states, but a JacobianSpectrum has eigenvalues.")


@dataclass(frozen=True)
class SpectralDistance(Metric):
    """The 2-Wasserstein distance between two sets of eigenvalues in the complex plane."""

    name: ClassVar[str] = "spectrum"
    title: ClassVar[str] = "Jacobian spectrum"
    full_title: ClassVar[str] = "Spectra of the mean Jacobians"
    compares: ClassVar[Literal["dynamics", "geometry"]] = "dynamics"
    about: ClassVar[str] = (
        "Compares the eigenvalues of the networks' own equations, linearised along their trajectories and averaged: "
        "how fast what is in a network decays, grows or turns. Not a metric of recordings, but what those are after."
    )
    blind_spot: ClassVar[str] = (
        "Anything but the mean of the linearisation: where it differs from state to state, and how modes feed others; "
        "and a few slow modes among many fast ones weigh little."
    )
    needs_matched_trials: ClassVar[bool] = False

    def prepare(self, x: Any, *, where: str = "x") -> Tensor:
        """Return the eigenvalues of (1, eigenvalues, 2) as complex numbers."""
        array = np.asarray(x, dtype=np.float64)
        if array.ndim != 3 or array.shape[0] != 1 or array.shape[2] != 2 or not np.isfinite(array).all():
            raise DynalignError(f"{where} is no spectrum of shape (1, eigenvalues, 2), but of shape {array.shape}.")
        return torch.complex(*torch.from_numpy(np.ascontiguousarray(array[0])).unbind(-1))

    def distances(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> npt.NDArray[np.float64]:
        """Return the distance of each pair of spectra."""
        return np.array([float(wasserstein(first, second)) for first, second in pairs])


def fixed_point_table(
    population: Population,
    members: Sequence[Member],
    store: RunStore,
    *,
    period: str = "delay",
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Return what fixed points networks have under the constant input of a period, a row per network.

    Returns
    -------
    DataFrame
        model, group, seed; ``stable`` and ``unstable``, numbers of fixed points; ``slow``, of points that are nearly
        one; ``time_constant``, that of the slowest mode of any stable point, in ms (NaN without one); ``reason``, why
        there are no numbers.
    """
    rows = []
    for done, member in enumerate(members, start=1):
        run = population.runs[member]
        path = store.file(
            {
                "kind": "fixed points",
                "run": run.key,
                "epoch": run.epochs[-1],
                "period": period,
                "starts": _STARTS,
                "code": code_key(rooms=("dynamics", "models", "networks", "tasks")),
            }
        )
        found = read_result(path, _counted)
        if found is None:
            try:
                found = _fixed_points(run, period)
                write_result(path, found)
            except DynalignError as error:
                found = {"reason": str(error)}
        rows.append({**member._asdict(), "reason": "", **found})
        if progress is not None:
            progress("fixed points", done, len(members))
    columns = ["model", "group", "seed", "stable", "unstable", "slow", "time_constant", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _fixed_points(run: Run, period: str) -> dict[str, Any]:
    network = network_at(run, run.epochs[-1])
    task, target = network.task, str(run.config.get("target") or network.task.target)
    probe = Representation(rule=target, period=period)
    trials = probe.probe(task)
    states = probe.cut(network.record(torch.from_numpy(trials.inputs)), trials)
    stable = unstable = slow = 0
    constants: list[float] = []
    for constant in _different(list(inputs_of_period(task, target, period).values())):
        found = fixed_points(network.model, constant, states, starts=_STARTS)
        stable += int(found.fixed.stable.sum())
        unstable += int((~found.fixed.stable).sum())
        slow += len(found.slow)
        constants += [float(each[0]) for each in found.fixed.time_constants(task.dt)[found.fixed.stable]]
    return {
        "stable": stable,
        "unstable": unstable,
        "slow": slow,
        "time_constant": max((each for each in constants if np.isfinite(each)), default=None),
    }


def _counted(found: dict[str, Any]) -> dict[str, Any]:
    """Return what was kept of a network's fixed points; raise where it is not whole."""
    constant = found["time_constant"]
    whole = all(isinstance(found[name], int) and found[name] >= 0 for name in ("stable", "unstable", "slow"))
    if not whole or len(found) != 4 or not (constant is None or math.isfinite(constant)):
        raise ValueError("it is not whole")
    return found


def _different(inputs: Sequence[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float64]]:
    """Return inputs each once: where nothing is shown, conditions share one."""
    kept: list[npt.NDArray[np.float64]] = []
    for each in inputs:
        if not any(np.allclose(each, other, atol=1e-6) for other in kept):
            kept.append(each)
    return kept
