"""Which axis is which: what a person says, what names say, or what is assumed and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dynalign.data.settings import AXES
from dynalign.errors import DynalignError
from dynalign.metrics.arrays import axis_of

Trial = npt.NDArray[Any]

_ROUGH, _SMOOTH = 0.1, 0.5  # correlations of neighbours, below which an axis can hardly be time, above which it may be
_LOOKED_AT = 4_000_000  # values that are looked at to tell which axis is time


class Arranged(NamedTuple):
    """Trials (time, units), and what was assumed of their axes, in a sentence; empty where nothing was."""

    trials: list[Trial]
    assumed: str


def arranged(
    values: Any, axes: Sequence[str] | None, dims: Sequence[Any] | None, where: str, *, drops_ones: bool = False
) -> Arranged:
    """Return the trials of an array, or of a list of arrays, one per trial.

    Parameters
    ----------
    values : array, or list of arrays
    axes : sequence of str, optional
        What a person says.
    dims : sequence, optional
        What names say.
    where : str
        What the array is called in errors.
    drops_ones : bool
        Whether the format leaves out last axes of length 1, as MATLAB does.

    Raises
    ------
    DynalignError
        If axes do not fit the array, or it could be meant in several ways.
    """
    if isinstance(values, list):
        return _of_list(values, axes, where)
    if values.dtype.kind not in "fiub":
        kind = "text" if values.dtype.kind in "US" else f"{values.dtype} values"
        raise DynalignError(f"{where} holds {kind}, but states are real numbers.")
    if values.size == 0:
        raise DynalignError(f"{where} is empty: its shape is {values.shape}.")
    if axes is not None:
        return Arranged(_ordered(values, axes, where, drops_ones), "")
    named = _named(dims, where)
    if named is not None:
        return Arranged(_ordered(values, named, where, False), "")
    if values.ndim == 3:
        _check_default(values, where)
        return Arranged(list(values), f"The axes of {where}, {values.shape}, are taken as trials, time, units.")
    raise DynalignError(_question(values, where))


def _of_list(trials: list[Any], axes: Sequence[str] | None, where: str) -> Arranged:
    """Return trials of a list; each has time and units."""
    for place, trial in enumerate(trials):
        if trial.ndim != 2:
            raise DynalignError(
                f"Trial {place} of {where} has shape {trial.shape}, but each trial of a list or cell array is (time, "
                "units)."
            )
    kept = None if axes is None else [name for name in axes if name != "trials"]
    if kept is not None and len(kept) < 2:
        raise DynalignError(f"axes={','.join(axes or ())} leaves out the units of the trials of {where}.")
    rows, columns = ({trial.shape[axis] for trial in trials} for axis in (0, 1))
    if kept is not None:
        return Arranged([trial.T if kept[0] == "units" else trial for trial in trials], "")
    if len(columns) > 1 and len(rows) == 1:
        return Arranged(
            [trial.T for trial in trials],
            f"The trials of {where} are taken as (units, time), since their first axis is the one that they share.",
        )
    if len(columns) > 1:
        first = next(place for place, trial in enumerate(trials) if trial.shape[1] != trials[0].shape[1])
        raise DynalignError(
            f"{where} has trials of shapes {trials[0].shape} and {trials[first].shape} (trial {first}); all trials of "
            "a "
            "recording need the same units."
        )
    return Arranged(list(trials), "")


def _ordered(array: Trial, axes: Sequence[str], where: str, drops_ones: bool) -> list[Trial]:
    if drops_ones and array.ndim < len(axes):
        array = array.reshape(array.shape + (1,) * (len(axes) - array.ndim))
    if array.ndim != len(axes):
        raise DynalignError(
            f"{where} has the shape {array.shape}, and so {array.ndim} axes, but axes={','.join(axes)} names "
            f"{len(axes)}."
        )
    present = [name for name in AXES if name in axes]
    array = array.transpose([list(axes).index(name) for name in present])
    if "units" not in axes:
        array = array[..., None]
    return list(array) if "trials" in axes else [array]


def _named(dims: Sequence[Any] | None, where: str) -> list[str] | None:
    """Return what named dimensions are; None where none of them has a name that says so."""
    if dims is None or not 2 <= len(dims) <= 3:
        return None
    places = [axis_of(name) for name in dims]
    if all(place is None for place in places):
        return None
    rest = [place for place in range(3) if place not in places]
    if places.count(None) == 1 and len(dims) == 3 and len(rest) == 1:
        places[places.index(None)] = rest[0]
    known = [AXES[place] for place in places if place is not None]
    if len(known) < len(dims) or len(set(known)) < len(known) or "time" not in known:
        raise DynalignError(
            f"{where} has the dimensions ({', '.join(map(str, dims))}), which do not say what trials, time and units "
            "are; say so with axes, as in axes=trials,time,units."
        )
    return known


def _question(array: Trial, where: str) -> str:
    if array.ndim != 2:
        return (
            f"{where} has shape {array.shape}, but a recording has the axes trials, time and units; an array of two "
            "axes "
            "can be one trial."
        )
    rows, columns = array.shape
    if 1 in (rows, columns):
        axes = "units,time" if rows == 1 else "time,units"
        return (
            f"{where} has shape {array.shape}, a single row of numbers; if it is one unit in one trial of "
            f"{max(rows, columns)} time steps, say so, as axes={axes}."
        )
    return (
        f"{where} has shape {array.shape}: say what its two axes are, axes=time,units if it is one trial of {rows} "
        f"time steps and {columns} units, axes=units,time if of {columns} time steps, axes=trials,time if it is one "
        f"unit in {rows} trials."
    )


def _check_default(array: Trial, where: str) -> None:
    """Refuse an array whose middle axis can hardly be time where another one may be."""
    again = "say what its axes are, such as axes=units,time,trials, or axes=trials,time,units if that is right."
    trials, steps, units = array.shape
    if steps < 8 and max(trials, units) > 2 * steps:
        raise DynalignError(
            f"{where} has shape {array.shape}, which as (trials, time, units) would be {steps} time steps per trial; "
            f"{again}"
        )
    likeness = [_neighbours(array, axis) for axis in range(3)]
    other = 0 if likeness[0] > likeness[2] else 2
    if likeness[1] < _ROUGH and likeness[other] > _SMOOTH:
        raise DynalignError(
            f"{where} has shape {array.shape}, and neighbours along its axis {other} are alike (correlation "
            f"{likeness[other]:.2f}) but not along axis 1, which would be time (correlation {likeness[1]:.2f}); {again}"
        )


def _neighbours(array: Trial, axis: int) -> float:
    """Return the correlation of neighbours along an axis, whose mean is taken away; 0 where it cannot be told."""
    if array.shape[axis] < 4 or array.dtype.kind not in "fiub":
        return 0.0
    moved = np.moveaxis(array, axis, 0)
    moved = moved.reshape(len(moved), -1)
    moved = moved[:, :: max(1, array.size // _LOOKED_AT)].astype(np.float64)
    moved = moved[:, np.isfinite(moved).all(axis=0)]
    centred = moved - moved.mean(axis=0)
    variance = float((centred**2).mean()) if centred.size else 0.0
    return float((centred[1:] * centred[:-1]).mean()) / variance if variance > 0 else 0.0
