"""Compare recordings with each other, and with themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from dynalign.comparison.measuring import Effort, Progress, Work
from dynalign.comparison.result import Comparison, Fit, Pair
from dynalign.comparison.views import ALIGNED, View, common_means, view_of, why_unmatched
from dynalign.data import Reading, Recording, recording_of
from dynalign.data.settings import AXES
from dynalign.errors import DynalignError
from dynalign.metrics import DSA, Metric

if TYPE_CHECKING:
    from dynalign.store import RunStore


def compare(
    systems: Mapping[str, Any] | Sequence[Recording],
    metrics: Metric | Iterable[Metric] = (),
    *,
    conditions: Mapping[str, Sequence[Any]] | None = None,
    align: str | None = None,
    reading: Reading | None = None,
    effort: Effort | None = None,
    progress: Progress | None = None,
    store: RunStore | None = None,
) -> Comparison:
    """Compare recordings, networks, or both, each with each.

    Parameters
    ----------
    systems : mapping of name to system, or sequence of Recording
        A system is an array (trials, time, units), a list of trials (time, units) of any lengths, a path, a DataFrame
        with the columns trial and time and one per unit, an xarray object, a ``Recording``, or a run of the store
        (its trained network, as ``run.states()``). NaN says what is not known.
    metrics : Metric or iterable of Metric
        ``DSA()`` by default.
    conditions : mapping of name to sequence, optional
        The condition of each trial.
    align : {"condition_mean"}, optional
        Compare means over the trials of each condition, which metrics that compare trial by trial need where trials do
        not match. Conditions are matched by their labels and cut to the time that all trials share.
    reading : Reading, optional
        How files and arrays are read, such as ``Reading(axes=("units", "time", "trials"))``.
    effort : Effort, optional
        How often trials are drawn, halved and permuted.
    progress : callable, optional
        Called with what is done, and (done, in all) of it.
    store : RunStore, optional
        Where what is measured is kept, and what was measured before is found; nothing is kept by default.

    Returns
    -------
    Comparison

    Raises
    ------
    DynalignError
        If there are fewer than two systems, one of them cannot be read, or a metric can compare none of them.

    Examples
    --------
    >>> from dynalign import compare
    >>> print(compare({"monkey A": x, "monkey B": [trial, other], "network": run}))  # doctest: +SKIP
    """
    recordings = _recordings(systems, conditions or {}, reading)
    chosen = [metrics] if isinstance(metrics, Metric) else list(metrics) or [DSA()]
    if align not in (None, ALIGNED):
        raise DynalignError(f"align={align} is unknown; use align={ALIGNED}, or leave it out.")
    means, notes = common_means(recordings) if align == ALIGNED else (None, [])
    views = {metric.label: view_of(metric, means) for metric in chosen}
    for metric in chosen:
        _check_some_match(metric, views[metric.label], recordings)
    pairs: list[Pair] = []
    fits: list[Fit] = []
    for metric in chosen:
        work = Work(metric, views[metric.label], recordings, effort or Effort(), progress, store)
        pairs += work.pairs()
        fits += work.fits()
        notes += work.notes
    return Comparison(
        recordings=recordings,
        metrics={metric.label: metric.describe() for metric in chosen},
        pairs=pairs,
        fits=fits,
        notes=list(dict.fromkeys([*(note for each in recordings for note in each.notes), *notes])),
    )


def _recordings(
    systems: Mapping[str, Any] | Sequence[Recording], conditions: Mapping[str, Sequence[Any]], reading: Reading | None
) -> list[Recording]:
    if isinstance(systems, Mapping):
        unknown = [name for name in conditions if name not in systems]
        if unknown:
            raise DynalignError(f"conditions names {unknown[0]}, which is not among {', '.join(map(str, systems))}.")
        found = [
            recording_of(str(name), network_recording(str(name), value), conditions=conditions.get(name))
            if _is_run(value)
            else recording_of(str(name), value, reading, conditions.get(name))
            for name, value in systems.items()
        ]
    else:
        found = list(systems)
    if len(found) < 2:
        raise DynalignError(f"A comparison needs two recordings at least, not {len(found)}.")
    names = [each.name for each in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DynalignError(f"Two recordings are called {twice[0]}; give each a name of its own.")
    return found


def network_recording(name: str, run: Any) -> Recording:
    """Return the states of the trained network of a run of the store, on its probe trials."""
    made = recording_of(name, run.states(), Reading(axes=AXES))
    return replace(made, notes=[f"The states of {name} are those of the stimulus in the probe trials of the network."])


def _is_run(value: Any) -> bool:
    return hasattr(value, "states") and hasattr(value, "weights")


def _check_some_match(metric: Metric, view: View, recordings: Sequence[Recording]) -> None:
    """Refuse a metric that compares trial by trial if no two recordings have matching trials."""
    if not view.matched:
        return
    reasons = [why_unmatched(metric, x, y) for x, y in combinations(recordings, 2)]
    if all(reasons):
        raise DynalignError(reasons[0])
