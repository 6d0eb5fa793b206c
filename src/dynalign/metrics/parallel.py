"""Pairs measured in processes side by side: systems are prepared once, wherever that is, and then compared."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.metrics.base import Metric
from dynalign.processes import cores, side_by_side

_SHARES = 4  # of the pairs per process: when one process ends early, there is more for it to do
Compare = Callable[[Metric, Mapping[int, Any], Sequence[tuple[int, int]]], Sequence[float]]


def workers_of(n_jobs: int) -> int:
    """Return how many processes are meant: so many, or for -1 as many as there are processors.

    Raises
    ------
    DynalignError
        If it is neither.
    """
    if n_jobs == -1:
        return cores()
    if isinstance(n_jobs, bool) or n_jobs != int(n_jobs) or n_jobs < 1:
        raise DynalignError(
            f"n_jobs={n_jobs} must be a whole number above 0, or -1 for as many as there are processors."
        )
    return int(n_jobs)


def distances_side_by_side(
    metric: Metric,
    systems: Sequence[tuple[str, Any]],
    pairs: Sequence[tuple[int, int]],
    *,
    compare: Compare,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the dissimilarity of each pair of systems, measured in so many processes.

    Parameters
    ----------
    systems : sequence of (name, system)
    pairs : sequence of (place, place)
        In ``systems``.
    compare : callable
        Of a module; called with the metric, prepared systems by place, and pairs; returns a number for each.
    progress : callable, optional
        Called with (pairs done, pairs in all).

    Raises
    ------
    DynalignError
        If the metric or a system cannot be sent to another process, or a process dies; and what the metric raises.
    """
    if not pairs:
        return np.empty(0)
    sent = _packed(metric, metric.label)
    packed = [(sent, _packed(system, name), name) for name, system in systems]
    shares = np.array_split(np.arange(len(pairs)), min(len(pairs), _SHARES * workers))
    values, done = np.empty(len(pairs)), 0
    with side_by_side(workers) as run:
        prepared = dict(run(_prepare, packed))
        tasks = []
        for share in shares:
            mine = [pairs[place] for place in share]
            tasks.append((sent, {place: prepared[place] for pair in mine for place in pair}, mine, compare))
        for place, found in run(_compare, tasks):
            values[shares[place]] = found
            done += len(found)
            if progress is not None:
                progress(done, len(pairs))
    return values


def _packed(thing: Any, name: str) -> bytes:
    try:
        return pickle.dumps(thing)
    except Exception as error:  # whatever a metric of someone else may raise
        raise DynalignError(
            f"{name} cannot be sent to another process ({type(error).__name__}: {error}); use n_jobs=1."
        ) from error


def _prepare(metric: bytes, system: bytes, name: str) -> bytes:
    return pickle.dumps(pickle.loads(metric).prepare(pickle.loads(system), where=name))


def _compare(
    metric: bytes, prepared: Mapping[int, bytes], pairs: Sequence[tuple[int, int]], compare: Compare
) -> list[float]:
    ready = {place: pickle.loads(each) for place, each in prepared.items()}
    return list(compare(pickle.loads(metric), ready, pairs))
