"""Many systems at once: all against all, or all against one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.metrics.base import Metric

_CHUNK = 64  # pairs that are compared together; bounds the memory of a batched metric


def pairwise(
    metric: Metric,
    systems: Sequence[npt.ArrayLike],
    *,
    names: Sequence[str] | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> npt.NDArray[np.float64]:
    """Return the symmetric matrix of dissimilarities between all systems.

    Each system is prepared once; each unordered pair is measured once. The diagonal is measured too, because a
    self-distance that is not 0 tells that the metric cannot be trusted.

    Parameters
    ----------
    metric : Metric
    systems : sequence of N arrays, each (trials, time, units)
    names : sequence of str, optional
        What to call the systems in errors.
    progress : bool or callable
        Whether to show a progress bar; or what to call with (pairs done, pairs in all).

    Returns
    -------
    array, shape (N, N)

    Raises
    ------
    DynalignError
        Naming the system, if a metric refuses one.
    """
    prepared = _prepare(metric, systems, names)
    rows, columns = np.triu_indices(len(prepared))
    values = _measure(metric, [(prepared[i], prepared[j]) for i, j in zip(rows, columns, strict=True)], progress)
    matrix = np.zeros((len(prepared), len(prepared)))
    matrix[rows, columns] = values
    matrix[columns, rows] = values
    return matrix


def against(
    metric: Metric,
    systems: Sequence[npt.ArrayLike],
    reference: npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> npt.NDArray[np.float64]:
    """Return the dissimilarity of every system to ``reference``, shape (N,); see ``pairwise``."""
    fixed = metric.prepare(reference, where="the reference")
    prepared = _prepare(metric, systems, names)
    return _measure(metric, [(system, fixed) for system in prepared], progress)


def _prepare(metric: Metric, systems: Sequence[npt.ArrayLike], names: Sequence[str] | None) -> list[Any]:
    labels = [f"system {index}" for index in range(len(systems))] if names is None else list(names)
    if len(labels) != len(systems):
        raise DynalignError(f"There are {len(systems)} systems but {len(labels)} names.")
    return [metric.prepare(system, where=label) for system, label in zip(systems, labels, strict=True)]


def _measure(
    metric: Metric, pairs: Sequence[tuple[Any, Any]], progress: bool | Callable[[int, int], None]
) -> npt.NDArray[np.float64]:
    values = np.empty(len(pairs))
    with _reporter(metric.name, progress) as report:
        for start in range(0, len(pairs), _CHUNK):
            chunk = pairs[start : start + _CHUNK]
            values[start : start + len(chunk)] = metric.distances(chunk)
            report(start + len(chunk), len(pairs))
    return values


@contextlib.contextmanager
def _reporter(name: str, progress: bool | Callable[[int, int], None]) -> Iterator[Callable[[int, int], None]]:
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda _done, _all: None
    else:
        from rich.progress import Progress  # only here: who wants no bar need not load it

        with Progress() as bar:
            task = bar.add_task(name, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
