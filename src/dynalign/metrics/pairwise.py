"""Many systems at once: all against all, all against one, or any pairs; the one loop over pairs that there is."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from dynalign.errors import DamagedError, DynalignError, in_words
from dynalign.metrics.base import Driven, Metric
from dynalign.metrics.parallel import distances_side_by_side, workers_of

_CHUNK = 64  # pairs that are compared together; bounds the memory of a batched metric

Name = TypeVar("Name", bound=Hashable)


class Distance(NamedTuple):
    """What was measured of a pair.

    Attributes
    ----------
    value : float
        NaN where there is no number.
    seconds : float
        Its share of the time that its batch took.
    reason : str
        Why there is no number; empty where there is one.
    """

    value: float
    seconds: float
    reason: str = ""


def measure(
    metric: Metric,
    systems: Mapping[Name, Any],
    pairs: Sequence[tuple[Name, Name]],
    *,
    prepared: Mapping[Name, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    strict: bool = False,
) -> list[Distance]:
    """Let a metric measure pairs of systems.

    Every system is prepared once, and pairs are compared in batches. Where the metric refuses a system or a pair,
    fails, or returns something that is not a finite number, that pair says why, and the others keep their numbers.

    Parameters
    ----------
    systems : mapping of name to array (trials, time, units), to Driven, or to a function that returns one
        Functions are called once, and only for systems that a pair names.
    pairs : sequence of (name, name)
    prepared : mapping of name to what ``metric.prepare`` returned, optional
        Systems that need not be prepared again.
    progress : callable, optional
        Called with (pairs done, pairs in all).
    strict : bool
        Whether whatever a metric raises is raised here, naming the system.

    Returns
    -------
    list of Distance, one per pair
    """
    tried = _raising if strict else _attempt
    ready: dict[Name, Any] = dict(prepared or {})
    refused: dict[Name, str] = {}
    spent = dict.fromkeys(systems, 0.0)
    last = {name: place for place, pair in enumerate(pairs) for name in pair}
    results: dict[int, Distance] = {}
    for begin in range(0, len(pairs), _CHUNK):
        chunk = range(begin, min(begin + _CHUNK, len(pairs)))
        named = dict.fromkeys(name for place in chunk for name in pairs[place])
        for name in named:
            if name not in ready:
                start = time.perf_counter()
                ready[name], refused[name] = tried(lambda: _prepared(metric, systems[name], str(name)))  # noqa: B023
                spent[name] = time.perf_counter() - start
        able = []
        for place in chunk:
            reason = next((refused[name] for name in pairs[place] if refused.get(name)), "")
            if reason:
                seconds = sum(spent.get(name, 0.0) for name in pairs[place])
                results[place] = Distance(math.nan, seconds, reason)
            else:
                able.append(place)
        together = [(ready[first], ready[second]) for first, second in (pairs[place] for place in able)]
        results |= zip(able, _together(metric, together, tried), strict=True)
        if progress is not None:
            progress(chunk.stop, len(pairs))
        for name in named:
            if last[name] in chunk:  # and in none that follows: thousands of systems need not be in memory at once
                ready.pop(name)
    return [results[place] for place in range(len(pairs))]


def _together(
    metric: Metric, pairs: Sequence[tuple[Any, Any]], tried: Callable[[Callable[[], Any]], tuple[Any, str]]
) -> list[Distance]:
    """Measure prepared pairs at once; if that fails one by one, for a bad pair must not take its neighbours with it."""
    if not pairs:
        return []
    start = time.perf_counter()
    values, reason = tried(lambda: _numbers(metric, pairs))
    each = (time.perf_counter() - start) / len(pairs)
    if not reason:
        return [_checked(value, each, "") for value in values]
    if len(pairs) == 1:
        return [_checked(math.nan, each, reason)]
    return [found for pair in pairs for found in _together(metric, [pair], tried)]


def pairwise(
    metric: Metric,
    systems: Sequence[npt.ArrayLike | Driven],
    *,
    names: Sequence[str] | None = None,
    progress: bool | Callable[[int, int], None] = False,
    n_jobs: int = 1,
) -> npt.NDArray[np.float64]:
    """Return the symmetric matrix of dissimilarities between all systems.

    Each system is prepared once; each unordered pair is measured once. The diagonal is measured too, because a
    self-distance that is not 0 tells that the metric cannot be trusted.

    Parameters
    ----------
    metric : Metric
    systems : sequence of N arrays, each (trials, time, units); or of Driven, if the metric needs inputs
    names : sequence of str, optional
        What to call the systems in errors.
    progress : bool or callable
        Whether to show a progress bar; or what to call with (pairs done, pairs in all).
    n_jobs : int
        Processes that measure side by side, each on one thread; -1 for as many as there are processors. The numbers are
        the same, to rounding. Processes take seconds to start, and a script that starts some needs
        ``if __name__ == "__main__":`` around what it does.

    Returns
    -------
    array, shape (N, N)

    Raises
    ------
    DynalignError
        Naming the system, if a metric refuses one.
    """
    rows, columns = np.triu_indices(len(systems))
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    workers = workers_of(n_jobs)
    if workers == 1:
        values = _values(metric, _prepare(metric, systems, names), pairs, progress)
    else:
        named = list(zip(_labels(systems, names), systems, strict=True))
        with _reporter(metric.name, progress) as report:
            values = distances_side_by_side(metric, named, pairs, compare=_compared, workers=workers, progress=report)
    matrix = np.zeros((len(systems), len(systems)))
    matrix[rows, columns] = values
    matrix[columns, rows] = values
    return matrix


def against(
    metric: Metric,
    systems: Sequence[npt.ArrayLike | Driven],
    reference: npt.ArrayLike | Driven,
    *,
    names: Sequence[str] | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> npt.NDArray[np.float64]:
    """Return the dissimilarity of every system to ``reference``, shape (N,); see ``pairwise``."""
    prepared = {-1: metric.prepare(reference, where="the reference"), **_prepare(metric, systems, names)}
    return _values(metric, prepared, [(index, -1) for index in range(len(systems))], progress)


def _prepare(metric: Metric, systems: Sequence[npt.ArrayLike | Driven], names: Sequence[str] | None) -> dict[int, Any]:
    return {
        index: metric.prepare(system, where=label)
        for index, (system, label) in enumerate(zip(systems, _labels(systems, names), strict=True))
    }


def _labels(systems: Sequence[Any], names: Sequence[str] | None) -> list[str]:
    labels = [f"system {index}" for index in range(len(systems))] if names is None else list(names)
    if len(labels) != len(systems):
        raise DynalignError(f"There are {len(systems)} systems but {len(labels)} names.")
    return labels


def _compared(metric: Metric, prepared: Mapping[int, Any], pairs: Sequence[tuple[int, int]]) -> list[float]:
    return [distance.value for distance in measure(metric, {}, pairs, prepared=prepared, strict=True)]


def _values(
    metric: Metric,
    prepared: Mapping[int, Any],
    pairs: Sequence[tuple[int, int]],
    progress: bool | Callable[[int, int], None],
) -> npt.NDArray[np.float64]:
    with _reporter(metric.name, progress) as report:
        found = measure(metric, {}, pairs, prepared=prepared, progress=report, strict=True)
    return np.array([distance.value for distance in found], dtype=np.float64)


def _prepared(metric: Metric, system: Any, name: str) -> Any:
    return metric.prepare(system() if callable(system) else system, where=name)


def _numbers(metric: Metric, pairs: Sequence[tuple[Any, Any]]) -> npt.NDArray[np.float64]:
    """Return the dissimilarities of prepared pairs, which must be as many."""
    values = np.asarray(metric.distances(pairs), dtype=np.float64)
    if values.shape != (len(pairs),):
        raise DynalignError(f"{metric.name} returned numbers of shape {values.shape} for {len(pairs)} pairs.")
    return values


def _checked(value: float, seconds: float, reason: str) -> Distance:
    if reason:
        return Distance(math.nan, seconds, reason)
    if not math.isfinite(value):
        return Distance(math.nan, seconds, f"returned {value:g}")
    return Distance(float(value), seconds)


def _attempt(work: Callable[[], Any]) -> tuple[Any, str]:
    """Return what ``work`` returns; or None, and why it failed, whatever a metric of someone else may raise."""
    try:
        return work(), ""
    except DamagedError:
        raise
    except Exception as error:
        return None, reason_of(error)


def reason_of(error: Exception) -> str:
    """Return why there is no number: a sentence if the error is one, whatever a metric of someone else may raise."""
    if isinstance(error, ValueError) and str(error):
        return str(error)
    return in_words(error) or f"{type(error).__name__}: {error}"


def _raising(work: Callable[[], Any]) -> tuple[Any, str]:
    return work(), ""


@contextlib.contextmanager
def _reporter(name: str, progress: bool | Callable[[int, int], None]) -> Iterator[Callable[[int, int], None] | None]:
    if callable(progress):
        yield progress
    elif not progress:
        yield None
    else:
        try:
            from rich.progress import Progress  # only here: who wants no bar need not load it
        except ImportError as error:
            raise DynalignError(
                "progress=True needs the package rich; pip install rich, or give a function."
            ) from error
        with Progress() as bar:
            task = bar.add_task(name, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
