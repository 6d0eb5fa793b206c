"""Trials of unequal lengths, and recordings with gaps, for metrics of which no two rows must match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics.arrays import as_array
from dynalign.metrics.base import Driven, States, check_driven, check_states, precision

Trial = npt.NDArray[Any]


@dataclass(frozen=True)
class Trials:
    """A checked system, its trials sorted by length.

    Attributes
    ----------
    states : list of arrays (trials, time, units)
        Trials of one length in one array; centred over all of them, and over their size.
    size : float
        The states times this are what was given, centred.
    rounding : float
        Relative rounding error of what was given.
    inputs : list of arrays (trials, time, channels), or None
        What drove the system.
    """

    states: list[States]
    size: float
    rounding: float
    inputs: list[States] | None = None


def segments(x: npt.ArrayLike | torch.Tensor, *, mask: npt.ArrayLike | torch.Tensor) -> list[Trial]:
    """Return what a mask leaves of padded trials, as a list of trials of unequal lengths.

    A trial with a gap becomes two, since nothing is known of what led over it; ``DSA`` takes the list as it is.

    Parameters
    ----------
    x : array or Tensor, shape (trials, time, units)
        Such as trials that were padded with NaN.
    mask : array or Tensor of bool, shape (trials, time) or (trials, time, units)
        True where values are left out, as in NumPy's masked arrays: ``np.isnan(x)`` for NaN padding. A time step of
        which one unit is left out is left out as a whole.

    Returns
    -------
    list of arrays (time, units)

    Raises
    ------
    DynalignError
        If the mask does not fit the states, or leaves nothing.
    """
    array = np.asarray(x.data) if isinstance(x, np.ma.MaskedArray) else as_array(x, "x")
    out = as_array(np.asarray(mask) if isinstance(mask, np.ma.MaskedArray) else mask, "mask")
    if array.ndim != 3 or out.shape not in (array.shape, array.shape[:2]):
        raise DynalignError(
            f"x has shape {array.shape} and its mask {out.shape}, but they need (trials, time, units) and "
            "(trials, time) or the same."
        )
    if out.dtype != bool:
        raise DynalignError(f"The mask holds {out.dtype} values, but it needs bool: True where values are left out.")
    if out.ndim == 3:
        out = np.asarray(out.any(axis=2))
    found: list[Trial] = []
    for trial, missing in zip(array, out, strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[True], missing, [True]]).astype(int)))
        found += [trial[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    if not found:
        raise DynalignError("The mask leaves no time step of x.")
    return found


def check_trials(x: Any, *, where: str, metric: str, center: bool, driven: bool = False) -> Trials:
    """Return a system whose trials may have unequal lengths or, in a masked array, gaps.

    Parameters
    ----------
    x : array, masked array or Tensor (trials, time, units), or a sequence of trials (time, units)
        ``Driven`` of two such where the metric needs inputs.
    driven : bool
        Whether it does.

    Raises
    ------
    DynalignError
        As ``check_states`` and ``check_driven`` do; or if trials have different units, or other lengths than their
        inputs.
    """
    if driven:
        return _check_driven(x, where, metric, center)
    trials = _ragged(x, where)
    if trials is None:
        states, size = check_states(x, where=where, metric=metric, center=center)
        return Trials([states], size, precision(x))
    rows = _joined(trials, where, "unit")
    states, size = check_states(rows, where=where, metric=metric, center=center)
    lengths = [len(trial) for trial in trials]
    return Trials(_by_length(states, lengths), size, precision(rows))


def _check_driven(x: Any, where: str, metric: str, center: bool) -> Trials:
    trials = _ragged(x.states, where) if isinstance(x, Driven) else None
    if trials is None:
        states, size, inputs = check_driven(x, where=where, metric=metric, center=center)
        return Trials([states], size, max(precision(x.states), precision(x.inputs)), [inputs])
    acting = _ragged(x.inputs, f"the input to {where}")
    lengths = [len(trial) for trial in trials]
    if acting is None or lengths != [len(trial) for trial in acting]:
        raise DynalignError(
            f"{where} has trials of {min(lengths)} to {max(lengths)} time steps, and the input to it has others; each "
            "state needs the input that led to it."
        )
    joined = Driven(_joined(trials, where, "unit"), _joined(acting, f"the input to {where}", "channel"))
    states, size, inputs = check_driven(joined, where=where, metric=metric, center=center)
    rounding = max(precision(joined.states), precision(joined.inputs))
    return Trials(_by_length(states, lengths), size, rounding, _by_length(inputs, lengths))


def _ragged(x: Any, where: str) -> list[Trial] | None:
    """Return the trials (time, units) of what is no array (trials, time, units), or None if it is one."""
    if isinstance(x, np.ma.MaskedArray) and x.ndim == 3:
        mask = np.broadcast_to(np.asarray(x.mask, dtype=bool), x.shape)
        return segments(x, mask=mask) if mask.any() else None
    if not isinstance(x, Sequence) or isinstance(x, str) or not x:
        return None
    shapes = {_shape(part, f"{where}[{place}]") for place, part in enumerate(x)}
    if len(shapes) < 2 or any(len(shape) != 2 for shape in shapes):
        return None
    return [as_array(part, f"{where}[{place}]") for place, part in enumerate(x)]


def _shape(trial: Any, where: str) -> tuple[int, ...]:
    try:
        return tuple(getattr(trial, "shape", None) or np.shape(trial))
    except ValueError as error:
        raise DynalignError(f"{where} is ragged: every time step of a trial needs the same units.") from error


def _joined(trials: Sequence[Trial], where: str, last: str) -> Trial:
    """Return all trials as one (1, time, units), each of which is checked for what it alone can have."""
    for place, trial in enumerate(trials):
        if trial.shape[1] != trials[0].shape[1]:
            raise DynalignError(
                f"{where}[0] has {trials[0].shape[1]} {last}s and {where}[{place}] has {trial.shape[1]}; all trials of "
                f"a system need the same {last}s."
            )
        if trial.dtype.kind == "f" and not np.isfinite(trial).all():
            step, unit = (int(index) for index in np.argwhere(~np.isfinite(trial))[0])
            raise DynalignError(
                f"{where} holds NaN or infinite values, the first at (trial, time, {last}) {(place, step, unit)}; "
                "dynalign.metrics.segments(x, mask=np.isnan(x)) leaves NaN out."
            )
    return np.concatenate(trials)[None]


def _by_length(rows: States, lengths: Sequence[int]) -> list[States]:
    """Cut (1, time, units) into trials again, and put those of one length into one array."""
    trials = np.split(rows[0], np.cumsum(lengths)[:-1])
    return [np.stack([trial for trial in trials if len(trial) == length]) for length in sorted(set(lengths))]
