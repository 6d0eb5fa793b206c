"""Tables in the long form: one row per trial and time step, with a column per unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dynalign.data.entries import Entries, Entry, Loaded
from dynalign.data.packages import package
from dynalign.data.settings import Reading
from dynalign.errors import DynalignError
from dynalign.metrics.arrays import axis_of

_UNEVEN = 0.01  # share of a time step by which times may be off


def table_entries(path: Path) -> Entries:
    """Return the one table of a ``.csv`` or ``.parquet`` file."""
    pandas = package("pandas", path, "data")

    def load(how: Reading) -> Loaded:
        frame = pandas.read_csv(path) if path.suffix == ".csv" else pandas.read_parquet(path)
        return of_frame(frame, how, path.name)

    return {path.stem: Entry("states", "table", load)}


def of_frame(frame: Any, how: Reading, where: str) -> Loaded:
    """Return the trials of a DataFrame in the long form.

    Raises
    ------
    DynalignError
        If it has no column of trials or of time, a column that is no unit, or rows that do not fit.
    """
    names = [str(name) for name in frame.columns]
    frame = frame.set_axis(names, axis=1)
    if not len(frame):
        raise DynalignError(f"{where} is empty: it has no rows.")
    trial, time = (_column(names, axis, where) for axis in (0, 1))
    absent = [name for name in how.ignore if name not in names]
    if absent:
        raise DynalignError(f"{where} has no column {absent[0]} that could be ignored; it has {', '.join(names)}.")
    condition = how.condition if how.condition in names else None
    units = [name for name in names if name not in {trial, time, condition, *how.ignore}]
    _check_units(frame, trial, units, where)
    trials, labels = [], []
    for label, rows in frame.groupby(trial, sort=False):
        trials.append(_trial(rows, time, units, f"trial {label} of {where}"))
        if condition is not None:
            found = rows[condition].unique()
            if len(found) > 1:
                raise DynalignError(
                    f"Trial {label} of {where} has several conditions in column {condition}: {found[0]} and {found[1]}."
                )
            labels.append(found[0])
    return Loaded(trials, columns={} if condition is None else {condition: labels})


def _column(names: list[str], axis: int, where: str) -> str:
    kind = ("trial", "time")[axis]
    found = [name for name in names if axis_of(name) == axis and name != "condition"]
    exact = [name for name in found if name.lower() == kind] or found
    if len(exact) != 1:
        what = "no column" if not exact else f"several columns ({', '.join(exact)})"
        raise DynalignError(
            f"{where} has {what} that could be the {kind}; a table needs a column trial and a column time, and one "
            "column "
            f"per unit. It has {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}."
        )
    return exact[0]


def _check_units(frame: Any, trial: str, units: list[str], where: str) -> None:
    if not units:
        raise DynalignError(f"{where} has no column of a unit beside those of trial and time.")
    for name in units:
        if frame[name].dtype.kind not in "fiub":
            raise DynalignError(
                f"{where} has the column {name}, which holds no numbers and so is no unit; condition={name} takes it "
                "for "
                f"the condition of each trial, and ignore={name} leaves it out."
            )
    several = frame.groupby(trial)[units].nunique(dropna=False)
    if len(several) > 1:
        for name in units:
            if (several[name] == 1).all() and frame[name].nunique() > 1:
                raise DynalignError(
                    f"{where} has the column {name}, which never changes within a trial and so can hardly be a unit; "
                    f"condition={name} takes it for the condition of each trial, and ignore={name} leaves it out."
                )


def _trial(rows: Any, time: str, units: list[str], where: str) -> Any:
    """Return a trial (time, units); time steps that are missing between others are NaN."""
    times = rows[time].to_numpy()
    if times.dtype.kind not in "fiu" or not np.isfinite(times).all():
        raise DynalignError(f"The column {time} of {where} must hold numbers, one for each row.")
    order = np.argsort(times, kind="stable")
    times, values = times[order].astype(np.float64), rows[units].to_numpy(dtype=np.float64)[order]
    if len(times) < 2:
        return values
    steps = np.diff(times)
    if (steps == 0).any():
        raise DynalignError(
            f"{where} has several rows at {time} {times[:-1][steps == 0][0]:g}; a table needs one row per trial and "
            "time "
            "step, with a column per unit."
        )
    places = np.concatenate([[0], np.cumsum(steps / steps.min())])
    if np.abs(places - np.round(places)).max() > _UNEVEN * max(1.0, places[-1] / 100):
        raise DynalignError(f"The times of {where} are uneven: steps from {steps.min():g} to {steps.max():g}.")
    whole = np.full((round(places[-1]) + 1, values.shape[1]), np.nan)
    whole[np.round(places).astype(int)] = values
    return whole
