"""Halves of a system's trials: two recordings of one system, made of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.metrics.arrays import as_array
from dynalign.metrics.base import Driven, Metric
from dynalign.metrics.pairwise import measure

Places = npt.NDArray[np.intp]


def floor_distances(metric: Metric, x: Any, *, splits: int, seed: int = 0, where: str = "x") -> npt.NDArray[np.float64]:
    """Return the distances between random halves of the trials of ``x``, shape (splits,).

    Parameters
    ----------
    metric : Metric
        One that takes systems whose trials do not match.
    x : array or Tensor, shape (trials, time, units); a sequence of trials; or Driven, if the metric needs inputs
    splits : int
        How often the trials are halved.
    seed : int
        Of the draws.
    where : str
        What ``x`` is called in errors.

    Raises
    ------
    DynalignError
        If the metric compares trial by trial, ``x`` has fewer than two trials, or the metric refuses a half of it.
    """
    check_halves(metric)
    whole = trials_of(x, where)
    systems = {
        f"{name} half of {where} (split {split})": partial(take, whole, places)
        for split, pair in enumerate(drawn_halves(count(whole), half_size([count(whole)]), splits, seed))
        for name, places in zip(("one", "the other"), pair, strict=True)
    }
    names = list(systems)
    pairs = list(zip(names[::2], names[1::2], strict=True))
    return np.array([found.value for found in measure(metric, systems, pairs, strict=True)])


def check_halves(metric: Metric) -> None:
    """Raise a DynalignError for a metric that can see no two halves of one recording."""
    if metric.needs_matched_trials:
        raise DynalignError(
            f"{metric.label} compares trial by trial, but two halves of one recording hold different trials; give "
            "again=..., a second recording of the same trials."
        )


def trials_of(x: Any, where: str) -> Any:
    """Return ``x`` as what ``take`` can take trials of: an array, a list of trials, or Driven of these.

    Raises
    ------
    DynalignError
        If it is no array (trials, time, units), and no sequence of trials; or inputs and states have unlike trials.
    """
    if isinstance(x, Driven):
        states, inputs = trials_of(x.states, where), trials_of(x.inputs, f"the input to {where}")
        if count(states) != count(inputs):
            raise DynalignError(
                f"{where} has {count(states)} trials and the input to it {count(inputs)}; each trial needs its input."
            )
        return Driven(states, inputs)
    if isinstance(x, (list, tuple)):
        return list(x)
    array = x if isinstance(x, np.ma.MaskedArray) else as_array(x, where)
    if array.ndim != 3:
        raise DynalignError(f"{where} has shape {array.shape}, but trials are halved along (trials, time, units).")
    return array


def count(trials: Any) -> int:
    """Return how many trials there are in what ``trials_of`` returned."""
    return count(trials.states) if isinstance(trials, Driven) else len(trials)


def take(trials: Any, places: Places) -> Any:
    """Return some trials of what ``trials_of`` returned, in the order of ``places``."""
    if isinstance(trials, Driven):
        return replace(trials, states=take(trials.states, places), inputs=take(trials.inputs, places))
    return [trials[place] for place in places] if isinstance(trials, list) else trials[places]


def half_size(counts: list[int]) -> int:
    """Return how many trials the halves of systems with so many trials all can have.

    Raises
    ------
    DynalignError
        If one of them has fewer than two trials.
    """
    if min(counts) < 2:
        raise DynalignError(f"Trials are halved, but there is {min(counts)}; give two or more, rather twenty.")
    return min(counts) // 2


def drawn_halves(trials: int, size: int, splits: int, seed: int) -> Iterator[tuple[Places, Places]]:
    """Yield places of two random disjoint sets of ``size`` trials, for every split.

    Raises
    ------
    DynalignError
        If there is no split.
    """
    if splits < 1:
        raise DynalignError(f"splits={splits} must be a whole number above 0.")
    rng = np.random.default_rng(seed)
    for _ in range(splits):
        order = rng.permutation(trials)
        yield order[:size], order[size : 2 * size]
